package ctl

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
)

type said struct{ Who string }

func TestGetFindsWhoAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.listen(0)
	s.dead(1)
	s.work(2).answers("GET /x", http.StatusOK, said{"two"})
	c := s.open()
	for range 3 {
		var got said
		if err := c.Get(within(t, patience), "/x", &got); err != nil || got.Who != "two" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

// A worker that lives but breaks off in the middle of an answer is not the last that is asked.
func TestGetGoesOn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.work(0).HandleFunc("GET /x", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	s.work(1).HandleFunc("GET /x", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	s.work(2).answers("GET /x", http.StatusOK, said{"two"})
	var got said
	if err := s.open().Get(within(t, patience), "/x", &got); err != nil || got.Who != "two" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	hang, dead, empty, odd := newScene(t), newScene(t), newScene(t), newScene(t)
	hang.listen(0)
	hang.dead(1)
	dead.dead(0)
	dead.dead(1)
	for _, name := range []string{"http.sock.1000", "http.sock.01", "http.sock.x", "rtmp.sock.0"} {
		if err := os.WriteFile(filepath.Join(odd.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		dir  string
		want error
		says string
	}{
		{"one hangs, one is dead", hang.dir, ErrNoAnswer, "no worker answers in time, of 2 with run_dir " + hang.dir},
		{"all are dead", dead.dir, master.ErrNoServer, "no server runs with run_dir " + dead.dir},
		{"no socket", empty.dir, master.ErrNoServer, "no server runs with run_dir " + empty.dir},
		{"other files", odd.dir, master.ErrNoServer, "no server runs"},
		{"no folder", filepath.Join(empty.dir, "none"), master.ErrNoServer, "no server runs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, err := Open(c.dir)
			if err == nil {
				err = client.Get(within(t, time.Second), "/x", nil)
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// An order that may have been carried out is not repeated, by nobody.
func TestOrderOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.listen(0) // hangs: it gets none
	one, two := s.work(1), s.work(2)
	for _, f := range []*fake{one, two} {
		f.HandleFunc("POST /do", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	c := s.open()
	if err := c.Order(within(t, patience), http.MethodPost, "/do", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if calls := slices.Concat(one.called(), two.called()); len(calls) != 1 {
		t.Errorf("%q", calls)
	}
}

// An order whose answer does not come in time is not repeated, either.
func TestOrderLate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	f := s.work(0)
	f.HandleFunc("POST /do", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	err := s.open().Order(within(t, time.Second), http.MethodPost, "/do", nil)
	if !errors.Is(err, ErrUnknown) || len(f.called()) != 1 {
		t.Errorf("%v, %q", err, f.called())
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	f := s.work(0)
	f.answers("POST /bad", http.StatusUnprocessableEntity, map[string]any{
		"detail": "refused", "problems": []string{"a.yml:3: x\x1b[2J is unknown", "a.yml:9: y"},
	})
	f.answers("POST /token", http.StatusUnauthorized, map[string]any{"detail": "wrong"})
	f.HandleFunc("POST /proxy", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("\x1b]0;title\a" + strings.Repeat("x", 1000)))
	})
	c := s.open()
	for path, want := range map[string]string{
		"/bad":   "the server refuses, 422: refused",
		"/token": "the server refuses, 401: wrong (give the server's http.token with --token-file)",
		"/proxy": "the server refuses, 502: \ufffd]0;title\ufffd" + strings.Repeat("x", maxDetail-len("\ufffd]0;title\ufffd")),
		"/none":  "the server refuses, 404: 404 page not found",
	} {
		err := c.Order(within(t, patience), http.MethodPost, path, nil)
		refused := new(StatusError)
		if !errors.As(err, &refused) || err.Error() != want {
			t.Errorf("%s:\n%q, want\n%q", path, err, want)
		}
		if lines := strings.Join(refused.Lines(), "\n"); path == "/bad" && lines != "a.yml:3: x\ufffd[2J is unknown\na.yml:9: y" {
			t.Errorf("%q", lines)
		}
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"edge:8080", "ftp://edge", "http://", "http://edge/api", "http://u:p@edge", "http://edge?x=1", "http://edge#x", "%"} {
		if c, err := Remote(bad, ""); err == nil {
			t.Errorf("%q: %+v", bad, c)
		}
	}
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { elsewhere = append(elsewhere, r.URL.Path) }))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		default:
			_, _ = w.Write([]byte(`{"Who":"it"}`))
		}
	}))
	defer srv.Close()
	var got said
	c, err := Remote(srv.URL+"/", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Get(within(t, patience), "/x", &got); err != nil || got.Who != "it" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.Get(within(t, patience), "/away", &got); err == nil || len(elsewhere) > 0 {
		t.Errorf("the token went to %q: %v", elsewhere, err)
	}
	c, err = Remote(srv.URL, "wrong")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Get(within(t, patience), "/x", &got); err == nil || !strings.Contains(err.Error(), "--token-file") {
		t.Errorf("%v", err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.work(0).HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	s.work(1).HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	s.listen(2)
	c := s.open()
	begun := time.Now()
	h := c.Healthz(within(t, patience), false)
	if h.Good != 2 || h.Workers != 3 || h.Err(c, false) != nil || !errors.Is(h.Errors[2], errLate) {
		t.Errorf("%+v", h)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("one that hangs has the others wait for %v", took)
	}
	h = c.Healthz(within(t, time.Second), true)
	if err := h.Err(c, true); h.Good != 2 || err == nil || err.Error() != "worker 2: no answer in time" {
		t.Errorf("%+v: %v", h, err)
	}
	if h := c.Readyz(within(t, patience), false); h.Good != 1 || h.Err(c, false) != nil {
		t.Errorf("%+v", h)
	}

	before := newScene(t) // three workers that were killed with their master; the server now has one
	before.dead(1)
	before.dead(2)
	before.work(0)
	c = before.open()
	h = c.Healthz(within(t, patience), true)
	if err := h.Err(c, true); h.Good != 1 || h.Workers != 1 || len(h.Errors) > 0 || err != nil {
		t.Errorf("%+v: %v", h, err)
	}

	drained := newScene(t)
	drained.work(0).HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, "draining")
	})
	c = drained.open()
	h = c.Readyz(within(t, patience), false)
	if err := h.Err(c, false); h.Good != 0 || err == nil || err.Error() != "worker 0: the server refuses, 503: draining" {
		t.Errorf("%+v: %v", h, err)
	}

	none := newScene(t)
	none.listen(0)
	none.listen(1)
	c = none.open()
	h = c.Healthz(within(t, time.Second), false)
	if err := h.Err(c, false); h.Good != 0 || !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%+v: %v", h, err)
	}
}

// What a reload tells does nothing to a terminal.
func TestReloadIsPrintable(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.work(0).answers("POST /api/v1/reload", http.StatusOK, map[string][]string{
		"applied": {"log.level"}, "restart": {"x\x1b[2J"}, "kept": {"unix:/a\nb"},
	})
	r, err := s.open().Reload(within(t, patience))
	if err != nil || r.Applied[0] != "log.level" || r.Restart[0] != "x\ufffd[2J" || r.Kept[0] != "unix:/a\ufffdb" {
		t.Errorf("%+v, %v", r, err)
	}
}
