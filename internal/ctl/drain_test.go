package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

func writeJSON(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// A crew is the workers as one of them tells of all.
type crew struct {
	mu      sync.Mutex
	workers []api.WorkerInfo
	silent  []api.WorkerError
}

func (c *crew) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// serve has a worker speak for the crew.
func (c *crew) serve(f *fake) {
	f.HandleFunc("GET /api/v1/workers", func(w http.ResponseWriter, _ *http.Request) {
		c.change(func() {
			n := len(c.workers)
			writeJSON(w, api.WorkersAnswer{Coverage: api.Coverage{Expected: n + len(c.silent), Answered: n, Errors: c.silent}, Workers: c.workers})
		})
	})
	set := func(state api.WorkerState) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if state == api.WorkerDraining && r.URL.RawQuery != "force=true" {
				w.WriteHeader(http.StatusConflict)
				return
			}
			id, err := strconv.Atoi(r.PathValue("id"))
			if err != nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			c.change(func() {
				c.workers[id].State = state
				writeJSON(w, api.DrainAnswer{Worker: id, State: state})
			})
		}
	}
	f.HandleFunc("PUT /api/v1/workers/{id}/drain", set(api.WorkerDraining))
	f.HandleFunc("DELETE /api/v1/workers/{id}/drain", set(api.WorkerReady))
}

func newCrew(s *scene) *crew {
	c := &crew{workers: []api.WorkerInfo{{Worker: 0, State: api.WorkerReady, Players: 3}, {Worker: 1, State: api.WorkerReady, Publishers: 1}}}
	c.serve(s.work(0))
	return c
}

// A drain drains all, also one that comes back undrained, and waits for the last session.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	crew := newCrew(s)
	looks := 0
	err := s.open().Drain(within(t, patience), func(state *DrainState) {
		looks++
		crew.change(func() {
			if state.Draining != 2 || state.Workers != 2 {
				t.Errorf("look %d: %+v", looks, state)
			}
			switch looks {
			case 1:
				if state.Publishers != 1 || state.Players != 3 {
					t.Errorf("%+v", state)
				}
				crew.workers[1] = api.WorkerInfo{Worker: 1, State: api.WorkerReady} // its successor
			case 2:
				crew.workers[0].Players = 0
			case 3: // nobody is left, but somebody had just begun
				crew.workers[1].Players = 1
			case 4:
				crew.workers[1].Players = 0
			}
		})
	})
	if err != nil || looks != 6 {
		t.Errorf("after %d looks: %v", looks, err)
	}
	for _, w := range crew.workers {
		if w.State != api.WorkerDraining {
			t.Errorf("%+v", w)
		}
	}
}

func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	newCrew(s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.open().Drain(ctx, func(*DrainState) { cancel() })
	if !errors.Is(err, ErrLeft) || err.Error() != "not all sessions have ended: 1 publish, 3 play" {
		t.Errorf("%v", err)
	}
}

// The time may be up while a look is under way: that is no worker's fault.
func TestDrainTimeoutAmidALook(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	s.work(0).HandleFunc("GET /api/v1/workers", func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked > 1 {
			cancel()
			<-r.Context().Done()
			return
		}
		writeJSON(w, api.WorkersAnswer{
			Coverage: api.Coverage{Expected: 1, Answered: 1}, Workers: []api.WorkerInfo{{State: api.WorkerDraining, Players: 2}},
		})
	})
	if err := s.open().Drain(ctx, func(*DrainState) {}); err == nil || err.Error() != "not all sessions have ended: 0 publish, 2 play" {
		t.Errorf("%v", err)
	}
}

// A worker that does not answer may have sessions: a drain is not done without it.
func TestDrainSilent(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	crew := newCrew(s)
	crew.workers = crew.workers[:1]
	crew.workers[0].Players = 0
	crew.silent = []api.WorkerError{{Worker: 1, Reason: "timeout", Detail: "it\x07hangs"}}
	looks := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.open().Drain(ctx, func(state *DrainState) {
		if looks++; looks == 3 {
			cancel()
		}
		if len(state.Silent) != 1 || state.Silent[0].Error() != "worker 1: it\ufffdhangs" {
			t.Errorf("%+v", state)
		}
	})
	if !errors.Is(err, ErrLeft) || looks != 3 {
		t.Errorf("after %d looks: %v", looks, err)
	}
}

// A server that nobody has left, as far as it told, and that hangs now, may have somebody again.
func TestDrainHangs(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	s.work(0).HandleFunc("GET /api/v1/workers", func(w http.ResponseWriter, _ *http.Request) {
		switch asked++; asked {
		case 1:
			writeJSON(w, api.WorkersAnswer{
				Coverage: api.Coverage{Expected: 1, Answered: 1}, Workers: []api.WorkerInfo{{State: api.WorkerDraining}},
			})
		case 4:
			cancel()
			fallthrough
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	if err := s.open().Drain(ctx, func(*DrainState) {}); !errors.Is(err, ErrLeft) || asked != 4 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

// A server that ends while it is drained has nobody left.
func TestDrainUntilTheEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	newCrew(s)
	if err := s.open().Drain(within(t, patience), func(*DrainState) { s.end() }); err != nil {
		t.Error(err)
	}
}

func TestSetDrain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	crew := newCrew(s)
	crew.workers[0].State = api.WorkerEnding
	c := s.open()
	for _, want := range []api.WorkerState{api.WorkerDraining, api.WorkerReady} {
		for range 2 {
			if err := c.SetDrain(within(t, patience), want == api.WorkerDraining); err != nil {
				t.Fatal(err)
			}
			if crew.workers[0].State != api.WorkerEnding || crew.workers[1].State != want {
				t.Errorf("%+v", crew.workers)
			}
		}
	}
	crew.change(func() { crew.silent = []api.WorkerError{{Worker: 2, Detail: "gone"}} })
	if err := c.SetDrain(within(t, patience), true); err == nil || err.Error() != "worker 2: gone" || crew.workers[1].State != api.WorkerDraining {
		t.Errorf("%v, %+v", err, crew.workers)
	}
}
