package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every port leads to every worker, which answers for itself or for all.
func TestProxyToEveryWorker(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, place := range everywhere(s) {
		for worker := range workers {
			prefix := fmt.Sprintf("/workers/%d", worker)
			if status, body, err := s.call(place, http.MethodGet, prefix+"/healthz"); err != nil || status != http.StatusOK || string(body) != "ok\n" {
				t.Errorf("%s, worker %d: %d %q %v", placeName(place), worker, status, body, err)
			}
			var all workersAnswer
			if err := s.get(place, prefix+"/api/v1/workers", &all); err != nil || all.Answered != workers || len(all.Workers) != workers {
				t.Errorf("%s, worker %d: %+v %v", placeName(place), worker, all, err)
			}
			var zone struct {
				SeenBy *int `json:"seen_by"`
			}
			if err := s.get(place, prefix+"/api/v1/zone", &zone); err != nil || zone.SeenBy == nil || *zone.SeenBy != worker {
				t.Errorf("%s, worker %d: the zone is seen by %v, %v", placeName(place), worker, zone.SeenBy, err)
			}
		}
		for path, want := range map[string]int{
			"/workers/4/healthz": 404, "/workers/1/internal/v1/worker": 404, "/workers/1/debug/pprof/": 404, "/workers/1/workers/2/healthz": 404,
			"/broadcast/internal/v1/worker": 404, "/broadcast/workers/1/healthz": 404,
		} {
			if status, body, err := s.call(place, http.MethodGet, path); err != nil || status != want {
				t.Errorf("%s, %s: %d %q %v", placeName(place), path, status, body, err)
			}
		}
	}
}

// A stream plays through any port from the worker that is named: every message, as if it were asked itself, until the publisher ends.
func TestProxyPlays(t *testing.T) {
	t.Parallel()
	const stream = "live/proxied"
	s := start(t, options{live: "republish_wait: 300ms"})
	p := publish(t, s.rtmpURL(0, stream))
	players := map[int]*player{}
	for worker := range workers {
		players[worker] = playFLV(t, s.httpURL((worker+1)%workers, fmt.Sprintf("/workers/%d/%s.flv", worker, stream)))
	}
	s.awaitStream(t, stream, func(info streamInfo, _ bool) string {
		for worker := range workers {
			if info.playersOf(worker) != 1 {
				return fmt.Sprintf("not one player on every worker: %+v", info)
			}
		}
		return ""
	})
	p.headers()
	p.feed(70, players)
	p.send(5)
	p.end()
	for _, player := range players {
		player.awaitEnd(soon)
		if got, _ := player.seen(); got.last.number != p.source.number-1 || !errors.Is(player.err, io.EOF) {
			t.Errorf("%s: last message %d of %d, and %v", player.name, got.last.number, p.source.number-1, player.err)
		}
	}
}

// A worker's death ends what plays through it, and what waits for it, and nothing else.
func TestProxyPlaysUntilTheWorkerDies(t *testing.T) {
	t.Parallel()
	const stream = "live/fated"
	s := start(t, options{})
	pids := s.pids(t)
	s.goLive(t, 0, stream)
	fated := playFLV(t, s.httpURL(1, "/workers/3/"+stream+".flv"))
	other := playFLV(t, s.httpURL(1, "/workers/2/"+stream+".flv"))
	fated.awaitMessages(soon, 10)
	other.awaitMessages(soon, 10)
	killWorker(t, pids[3])
	fated.awaitEnd(soon)
	other.awaitMore(soon, 100)
}

// broadcastAnswer is what one worker answered, in ?as=list.
type broadcastAnswer struct {
	Worker int    `json:"worker"`
	Status int    `json:"status"`
	Body   string `json:"body"`
	Reason string `json:"reason"`
}

// broadcast asks all workers, and reports who failed, as "worker=reason". It fails the test when the answer is not whole and says that it is.
func (s *server) broadcast(t *testing.T, place int, how string) (errs []string, took time.Duration) {
	t.Helper()
	begin := time.Now()
	response, err := httpClient.Get(s.httpURL(place, "/broadcast/healthz?as="+how))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(begin)
	if named := response.Header.Get("Rtmpedge-Workers-Errors"); named != "" {
		errs = strings.Split(named, ", ")
	}
	good := workers - len(errs)
	want := http.StatusMultiStatus
	if good == workers {
		want = http.StatusOK
	}
	if response.StatusCode != want || response.Header.Get("Rtmpedge-Workers-Expected") != fmt.Sprint(workers) ||
		response.Header.Get("Rtmpedge-Workers-Answered") != fmt.Sprint(good) {
		t.Errorf("as=%s: status %d, header %v, body %s", how, response.StatusCode, response.Header, body)
	}
	if how == "concat" {
		if string(body) != strings.Repeat("ok\n", good) {
			t.Errorf("%d of %d answered %q", good, workers, body)
		}
		return errs, took
	}
	var list []broadcastAnswer
	if err := json.Unmarshal(body, &list); err != nil || len(list) != workers {
		t.Fatalf("%v in %s", err, body)
	}
	var named []string
	for i, a := range list {
		switch {
		case a.Worker != i || a.Reason == "" && (a.Status != http.StatusOK || a.Body != "ok\n"):
			t.Errorf("worker %d: %+v", i, a)
		case a.Reason != "":
			named = append(named, fmt.Sprintf("%d=%s", i, a.Reason))
		}
	}
	if !slices.Equal(named, errs) {
		t.Errorf("the body names %v, the header %v", named, errs)
	}
	return errs, took
}

// A worker that is stopped is named, in time; one that was killed is missed for a moment at most. No answer looks whole that isn't.
func TestBroadcastNamesWhoIsMissing(t *testing.T) {
	t.Parallel()
	const victim = 2
	s := start(t, options{})
	pids := s.pids(t)
	for _, place := range everywhere(s) {
		for _, how := range []string{"list", "concat"} {
			if errs, _ := s.broadcast(t, place, how); len(errs) != 0 {
				t.Errorf("%s, as=%s: %v", placeName(place), how, errs)
			}
		}
	}
	stopWorker(t, pids[victim])
	for _, place := range []int{0, 1, 3} {
		for _, how := range []string{"list", "concat"} {
			errs, took := s.broadcast(t, place, how)
			t.Logf("%s, as=%s: %v", placeName(place), how, took)
			if !slices.Equal(errs, []string{"2=timeout"}) || took > 1500*time.Millisecond+slack {
				t.Errorf("%s, as=%s: %v after %v", placeName(place), how, errs, took)
			}
		}
		begin := time.Now()
		status, body, err := s.call(place, http.MethodGet, "/workers/2/healthz")
		took := time.Since(begin)
		t.Logf("%s, the stopped worker: %v", placeName(place), took)
		if err != nil || status != http.StatusGatewayTimeout || !strings.Contains(string(body), `"reason":"timeout"`) || took > 1500*time.Millisecond+slack {
			t.Errorf("%s: the stopped worker: %d %s %v after %v", placeName(place), status, body, err, took)
		}
	}
	if err := syscall.Kill(pids[victim], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	awaitWhole := func() {
		t.Helper()
		waitFor(t, soon, "a whole answer", func() string {
			errs, _ := s.broadcast(t, 0, "list")
			return strings.Join(errs, ", ")
		})
	}
	awaitWhole()
	killWorker(t, pids[victim])
	waitFor(t, soon, "the successor", func() string {
		s.broadcast(t, 0, "concat")
		var now workersAnswer
		if err := s.get(0, "/workers/2/api/v1/workers", &now); err != nil {
			return err.Error()
		}
		for _, w := range now.Workers {
			if w.Worker == victim && w.PID != pids[victim] {
				return ""
			}
		}
		return fmt.Sprintf("%+v", now)
	})
	awaitWhole()
}

// slack is what a machine with too much to do may add to a bound of time.
const slack = 3 * time.Second
