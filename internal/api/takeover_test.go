package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

func TestTakeOver(t *testing.T) {
	c := newCluster(t, 2)
	c.locals[1].publication = "1.7"
	c.locals[1].streams = []LocalStream{{App: "live", Name: "a b", Role: RolePublisher}}
	group := broadcast.New(c.list, broadcast.Options{Timeout: testTimeout})
	t.Cleanup(group.Close)
	for _, ask := range []struct {
		worker      int
		publication string
		want        bool
	}{
		{0, "1.7", false}, // not there
		{1, "1.6", false}, // it was over before
		{1, "1.7", true},
		{1, "1.7", false},
	} {
		got, err := TakeOver(t.Context(), group, ask.worker, "live/a b", ask.publication)
		if err != nil || got != ask.want {
			t.Errorf("worker %d, publication %s: released %v, %v; want %v", ask.worker, ask.publication, got, err, ask.want)
		}
	}

	for name, peer := range map[string]broadcast.Peer{
		"status": says(t, http.StatusTeapot, "text/plain", "no"),
		"text":   says(t, http.StatusOK, "text/plain", "yes"),
		"empty":  says(t, http.StatusOK, "application/json", `{"worker":1}`),
	} {
		c.replace(1, peer)
		if _, err := TakeOver(t.Context(), group, 1, "live/a", "1.7"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c.forget(1)
	if _, err := TakeOver(t.Context(), group, 1, "live/a", "1.7"); err == nil {
		t.Error("no error from a worker that isn't there")
	}
}

// What takes a stream from its publisher, and what shows the process' insides, is for the private sockets.
func TestPrivateRoutes(t *testing.T) {
	c := newCluster(t, 1)
	for _, path := range []string{pathTakeover, pathProfiles, pathProfiles + "heap?debug=1"} {
		r, err := http.Get("http://" + c.public + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusNotFound {
			t.Errorf("%s is served in public, status %d", path, r.StatusCode)
		}
	}
	answer := broadcast.New(c.list, broadcast.Options{Timeout: testTimeout}).DoOne(t.Context(), 0, broadcast.Request{Path: pathProfiles + "heap", RawQuery: "debug=1"})
	if answer.Err != nil || answer.Status != http.StatusOK || !strings.HasPrefix(string(answer.Body), "heap profile:") {
		t.Errorf("heap profile: status %d, %v, %.40q", answer.Status, answer.Err, answer.Body)
	}
}
