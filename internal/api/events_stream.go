package api

import (
	"errors"
	"net/http"
	"time"
)

const (
	eventRetry     = "retry: 2000\n\n"   // milliseconds after which a browser comes back
	eventHeartbeat = 5 * time.Second     // without a state; proxies close what is silent
	eventWrite     = 10 * time.Second    // that a listener may take for one event
	eventType      = "text/event-stream" // HTML Living Standard §9.2
)

// events sends the state of the server every second, for as long as the client listens.
func (a *API) events(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		eventHeader(w.Header())
		return
	}
	l, err := a.hub.join()
	if err != nil {
		if errors.Is(err, errEventsFull) {
			w.Header().Set("Retry-After", "10")
		}
		problem(w, problemDetails{Status: http.StatusServiceUnavailable, Detail: err.Error()})
		return
	}
	defer a.hub.leave(l)
	eventHeader(w.Header())
	a.sendEvents(&eventWriter{w: w, rc: http.NewResponseController(w)}, r.Context().Done(), l)
}

func eventHeader(h http.Header) {
	h.Set("Content-Type", eventType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx would gather events
}

func (a *API) sendEvents(out *eventWriter, gone <-chan struct{}, l *eventListener) {
	heartbeat := time.NewTicker(eventHeartbeat)
	defer heartbeat.Stop()
	out.write([]byte(eventRetry))
	for out.err == nil {
		select {
		case <-gone:
			return
		case <-a.hub.closing:
			return
		case state := <-l.states:
			out.write([]byte("event: state\ndata: "), state, []byte("\n\n"))
			heartbeat.Reset(eventHeartbeat)
		case <-heartbeat.C:
			out.write([]byte(":\n\n"))
		}
	}
}

// An eventWriter sends each event at once, or fails.
type eventWriter struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error // the first
}

func (e *eventWriter) write(parts ...[]byte) {
	if e.err = e.rc.SetWriteDeadline(time.Now().Add(eventWrite)); e.err != nil {
		return
	}
	for _, part := range parts {
		if _, e.err = e.w.Write(part); e.err != nil {
			return
		}
	}
	e.err = e.rc.Flush()
}
