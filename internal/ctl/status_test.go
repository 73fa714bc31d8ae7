package ctl

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	const all = 2500
	s := newScene(t)
	f := s.work(0)
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	f.answers("GET /api/v1/workers", http.StatusOK, api.WorkersAnswer{
		Coverage: api.Coverage{Expected: 3, Answered: 2, Errors: []api.WorkerError{{Worker: 1, Reason: "timeout"}}},
		Workers:  []api.WorkerInfo{{Worker: 0, Started: old.Add(time.Minute)}, {Worker: 2, Started: old}},
	})
	f.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP rtmpedge_build_info x\nrtmpedge_build_info{go_version=\"go1\",revision=\"r\",version=\"1.2.3\",worker=\"0\"} 1\n"))
	})
	f.HandleFunc("GET /api/v1/streams", func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.FormValue("limit"))
		if err != nil || limit < 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		first, _ := strconv.Atoi(r.FormValue("after"))
		answer := api.StreamsAnswer{Coverage: api.Coverage{Expected: 3, Answered: 3}}
		if first == page { // a worker was slow there
			answer.Answered = 2
		}
		for n := first; n < min(first+limit, all); n++ {
			answer.Streams = append(answer.Streams, api.Stream{Name: fmt.Sprint(n)})
		}
		if first+limit < all {
			answer.Next = strconv.Itoa(first + limit)
		}
		writeJSON(w, answer)
	})
	c := s.open()
	for _, tt := range []struct {
		most, listed, answered int
		more                   bool
	}{
		{0, 0, 2, false},
		{1, 1, 3, true},
		{page, page, 3, true},
		{page + 1, page + 1, 2, true},
		{all - 1, all - 1, 2, true},
		{all, all, 2, false},
		{9999, all, 2, false},
		{-1, all, 2, false},
	} {
		got, err := c.Status(within(t, patience), tt.most)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Streams.Streams) != tt.listed || (got.Streams.Next != "") != tt.more || got.Streams.Answered != tt.answered {
			t.Errorf("%d: %d listed, next %q, %d answered", tt.most, len(got.Streams.Streams), got.Streams.Next, got.Streams.Answered)
		}
		for n, stream := range got.Streams.Streams {
			if stream.Name != fmt.Sprint(n) {
				t.Fatalf("%d: number %d is %s", tt.most, n, stream.Name)
			}
		}
		if got.Version != "1.2.3" || !got.Started().Equal(old) || got.Workers.Answered != 2 || len(got.Workers.Workers) != 2 {
			t.Errorf("%+v", got.Workers)
		}
	}
	asked := 0
	for _, call := range f.called() {
		if call == "GET /metrics" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the version was asked for %d times", asked)
	}
}

// A server without readable metrics is shown all the same.
func TestStatusWithoutVersion(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	f := s.work(0)
	f.answers("GET /api/v1/workers", http.StatusOK, api.WorkersAnswer{})
	f.answers("GET /api/v1/streams", http.StatusOK, api.StreamsAnswer{})
	got, err := s.open().Status(within(t, patience), -1)
	if err != nil || got.Version != "" || !got.Started().IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}
