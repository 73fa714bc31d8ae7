package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A countingObserver keeps what it is told.
type countingObserver struct {
	mu    sync.Mutex
	calls []string
}

func (o *countingObserver) Control(command string, code int) { o.note(fmt.Sprint(command, " ", code)) }
func (o *countingObserver) Incomplete(command string)        { o.note(command + " incomplete") }

func (o *countingObserver) note(call string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, call)
}

// taken returns what there was, and forgets it.
func (o *countingObserver) taken() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	calls := o.calls
	o.calls = nil
	return calls
}

// Every request is counted once, by the worker that it reached, whatever becomes of it; siblings count nothing.
func TestObserver(t *testing.T) {
	counts := &countingObserver{}
	c := newCluster(t, 2, func(o *Options) { o.Observer = counts })
	for _, tt := range []struct {
		method, path string
		want         []string
		header       []string
	}{
		{"GET", "/api/v1/workers", []string{"workers 200"}, nil},
		{"HEAD", "/api/v1/workers", []string{"workers 200"}, nil},
		{"GET", "/api/v1/workers/1", []string{"worker 200"}, nil},
		{"GET", "/api/v1/workers/7", []string{"worker 404"}, nil},
		{"GET", "/api/v1/streams?what=1", []string{"streams 400"}, nil},
		{"GET", "/api/v1/streams", []string{"streams 508"}, []string{"Rtmpedge-Broadcast", "1"}},
		{"DELETE", "/api/v1/streams/live/x", []string{"kick_publisher 404"}, nil},
		{"GET", "/api/v1/zone", []string{"refused 403"}, []string{"Origin", "http://evil.example"}},
		{"GET", "/healthz", nil, nil},
		{"GET", "/metrics", nil, nil},
		{"GET", "/api/v1/nothing", nil, nil},
		{"POST", "/api/v1/zone", nil, nil},
	} {
		c.call(t, tt.method, tt.path, tt.header...)
		if diff := cmp.Diff(tt.want, counts.taken()); diff != "" {
			t.Errorf("%s %s: %s", tt.method, tt.path, diff)
		}
	}
	c.replace(1, stopped(t))
	for path, want := range map[string][]string{
		"/api/v1/workers": {"workers 200", "workers incomplete"}, "/api/v1/workers/1": {"worker 503", "worker incomplete"},
		"/api/v1/workers/0": {"worker 200"},
	} {
		c.call(t, "GET", path)
		if diff := cmp.Diff(want, counts.taken()); diff != "" {
			t.Errorf("%s with a worker that is stopped: %s", path, diff)
		}
	}
	for _, r := range slices.Concat(c.apis[0].controlRoutes(), c.apis[0].dropInRoutes(), c.apis[0].passRoutes()) {
		if control := !strings.HasPrefix(r.pattern, "/control/record"); control && !slices.Contains(Commands, r.command) {
			t.Errorf("%s %s is counted as %q, which is none of Commands", r.method, r.pattern, r.command)
		}
	}
}

// What handlers do with a connection besides writing still works.
func TestObservedResponseWriter(t *testing.T) {
	counts := &countingObserver{}
	a := &API{opts: Options{Observer: counts}}
	path, _ := serveUnix(t, a.router([]route{
		{"events", http.MethodGet, "/flush", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}},
		{"proxy", http.MethodGet, "/hijack", nil, func(w http.ResponseWriter, _ *http.Request) {
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = nc.Write([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
			nc.Close()
		}},
	}))
	tr := httpTransport(peerAt(0, path))
	if r := request(t, tr, "GET", "http://x/flush"); r.status != http.StatusAccepted {
		t.Error(r.status)
	}
	if r := request(t, tr, "GET", "http://x/hijack"); r.status != http.StatusNoContent {
		t.Error(r.status)
	}
	if got := counts.taken(); len(got) == 0 || got[0] != "events 202" {
		t.Errorf("%q", got)
	}
}
