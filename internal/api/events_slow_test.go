package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeResponse is a response whose client is the other end of a pipe.
type pipeResponse struct {
	net.Conn
	header http.Header
}

func (p *pipeResponse) Header() http.Header { return p.header }
func (p *pipeResponse) WriteHeader(int)     {}
func (p *pipeResponse) FlushError() error   { return nil }

// listenThroughPipe serves an event stream whose states come from poll; ended tells when it is over.
func listenThroughPipe(t *testing.T, poll func(context.Context) []byte) (client net.Conn, hub *eventHub, ended <-chan time.Time) {
	t.Helper()
	a := &API{hub: newEventHub(poll)}
	server, client := net.Pipe()
	over := make(chan time.Time, 1)
	go func() {
		a.events(&pipeResponse{server, http.Header{}}, httptest.NewRequest(http.MethodGet, "/api/v1/events", http.NoBody))
		over <- time.Now()
	}()
	return client, a.hub, over
}

// A client that does not read is dropped when the time for one write is over; the hub does not wait for it meanwhile.
func TestEventsDropSlowClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		poll, asked := counting(0)
		_, hub, ended := listenThroughPipe(t, poll)
		other := join(t, hub)
		began := time.Now()
		if took := (<-ended).Sub(began); took != eventWrite {
			t.Errorf("dropped after %v, want %v", took, eventWrite)
		}
		if n := len(hub.listeners); n != 1 {
			t.Errorf("%d listeners are left, want 1", n)
		}
		if n := asked.Load(); n < 10 {
			t.Errorf("asked %d times in %v", n, eventWrite)
		}
		hub.leave(other)
		hub.close()
	})
}

// What is silent for long is closed by proxies, so something is sent also when there is no state.
func TestEventsHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, hub, ended := listenThroughPipe(t, func(context.Context) []byte { return nil })
		time.AfterFunc(2*eventHeartbeat+time.Second, hub.close)
		go func() {
			<-ended
			client.Close()
		}()
		var got strings.Builder
		if _, err := io.Copy(&got, client); err != nil && got.Len() == 0 {
			t.Error(err)
		}
		if want := eventRetry + ":\n\n:\n\n"; got.String() != want {
			t.Errorf("sent %q, want %q", got.String(), want)
		}
	})
}
