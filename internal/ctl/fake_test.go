package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds what takes a moment; it decides about no test.
const patience = 30 * time.Second

// A scene is a run folder with the sockets of workers.
type scene struct {
	t      *testing.T
	dir    string
	served []*httptest.Server
}

func newScene(t *testing.T) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "re-ctl-") //nolint:usetesting // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return &scene{t: t, dir: dir}
}

// listen is the socket of a worker that hangs: whoever connects waits.
func (s *scene) listen(worker int) net.Listener {
	s.t.Helper()
	l, err := net.Listen("unix", filepath.Join(s.dir, fmt.Sprintf("http.sock.%d", worker)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return l
}

// dead is what a worker leaves behind that nobody keeps: its socket's file.
func (s *scene) dead(worker int) {
	s.t.Helper()
	l := s.listen(worker)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

// A fake is a worker that lives.
type fake struct {
	*http.ServeMux

	mu    sync.Mutex
	calls []string // other than to see whether it lives
}

// work starts a worker.
func (s *scene) work(worker int) *fake {
	s.t.Helper()
	f := &fake{ServeMux: http.NewServeMux()}
	f.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			f.mu.Lock()
			f.calls = append(f.calls, r.Method+" "+r.RequestURI)
			f.mu.Unlock()
		}
		f.ServeHTTP(w, r)
	}))
	srv.Listener.Close()
	srv.Listener = s.listen(worker)
	srv.Start()
	s.served = append(s.served, srv)
	s.t.Cleanup(srv.Close)
	return f
}

// end ends all workers, and their sockets go.
func (s *scene) end() {
	for _, srv := range s.served {
		srv.CloseClientConnections()
		srv.Listener.Close()
	}
}

func (f *fake) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.calls...)
}

// answers has a worker answer with JSON.
func (f *fake) answers(pattern string, status int, body any) {
	f.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	})
}

func (s *scene) open() *Client {
	s.t.Helper()
	c, err := Open(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
