package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/prometheus/common/model"
)

// Any port answers for all workers: which there are, what they stream, who watches.
func TestHTTPAnswersForAllWorkers(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	s.goLive(t, 1, "live/one")
	s.goLive(t, 3, "live/two")
	for _, place := range []int{0, 1, 1, 2, 2, 2} {
		play(t, s.rtmpURL(place, "live/one"))
	}
	for _, place := range everywhere(s) {
		t.Run(placeName(place), func(t *testing.T) {
			waitFor(t, soon, "the streams", func() string { return missingStreams(s, place) })
			checkWorkers(t, s, place, pids)
			checkZone(t, s, place, 2)
			checkMetrics(t, s, place)
			if status, body, err := s.call(place, http.MethodGet, "/healthz"); err != nil || status != http.StatusOK {
				t.Errorf("GET /healthz: %d %q %v", status, body, err)
			}
		})
	}
}

func missingStreams(s *server, place int) string {
	one, _, err := s.stream(place, "live/one")
	if err != nil {
		return err.Error()
	}
	two, _, err := s.stream(place, "live/two")
	if err != nil {
		return err.Error()
	}
	relays := slices.Clone(one.Relays)
	slices.Sort(relays)
	switch {
	case one.State != "live" || one.OwnerSlot == nil || *one.OwnerSlot != 1 || one.Publisher == nil:
		return fmt.Sprintf("live/one is not live on worker 1: %+v", one)
	case one.Players != 6 || one.playersOf(0) != 1 || one.playersOf(1) != 2 || one.playersOf(2) != 3:
		return fmt.Sprintf("live/one has not 1, 2 and 3 players: %+v", one)
	case !slices.Equal(relays, []int{0, 2}):
		return fmt.Sprintf("live/one is not relayed to workers 0 and 2: %+v", one)
	case one.VideoCodec != "h264" || one.AudioCodec != "aac":
		return fmt.Sprintf("live/one is not H.264 and AAC: %+v", one)
	case one.BytesIn == 0 || one.BytesOut == 0:
		return fmt.Sprintf("live/one moves no bytes: %+v", one)
	case two.OwnerSlot == nil || *two.OwnerSlot != 3 || two.Players != 0 || len(two.Relays) != 0:
		return fmt.Sprintf("live/two: %+v", two)
	}
	return ""
}

func checkWorkers(t *testing.T, s *server, place int, pids []int) {
	t.Helper()
	var answer workersAnswer
	if err := s.get(place, "/api/v1/workers", &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Expected != workers || answer.Answered != workers || len(answer.Errors) != 0 {
		t.Errorf("%d of %d workers answered: %v", answer.Answered, answer.Expected, answer.Errors)
	}
	got := make([]int, workers)
	for _, w := range answer.Workers {
		if w.Worker != w.Slot {
			t.Errorf("worker %d is on slot %d", w.Worker, w.Slot)
		}
		got[w.Worker] = w.PID
	}
	if !slices.Equal(got, pids) {
		t.Errorf("pids %v instead of %v", got, pids)
	}
}

func checkZone(t *testing.T, s *server, place, live int) {
	t.Helper()
	var answer zoneAnswer
	if err := s.get(place, "/api/v1/zone", &answer); err != nil {
		t.Fatal(err)
	}
	zone := answer.Zone
	if zone.Buckets != 20011 || zone.Capacity != 10000 || zone.NameMax != 1024 || zone.Live != live {
		t.Errorf("zone: %+v", zone)
	}
	open := 0
	for _, slot := range zone.Slots {
		if slot.Open {
			open++
		}
	}
	if open != workers {
		t.Errorf("%d open slots instead of %d: %+v", open, workers, zone.Slots)
	}
}

func checkMetrics(t *testing.T, s *server, place int) {
	t.Helper()
	samples, err := s.metrics(place)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name string, want float64, labels model.LabelSet) {
		t.Helper()
		if got, series := sum(samples, name, labels); got != want || series == 0 {
			t.Errorf("%s%v is %v in %d series, not %v", name, labels, got, series, want)
		}
	}
	expect("rtmpedge_scrape_workers_expected", workers, nil)
	expect("rtmpedge_scrape_workers_answered", workers, nil)
	expect("rtmpedge_worker_up", workers, nil)
	expect("rtmpedge_build_info", workers, nil)
	expect("rtmpedge_publishes_total", 2, model.LabelSet{"result": "ok"})
	for worker := range workers {
		label := model.LabelSet{"worker": model.LabelValue(strconv.Itoa(worker))}
		expect("rtmpedge_worker_up", 1, label)
		if _, series := sum(samples, "process_resident_memory_bytes", label); series != 1 {
			t.Errorf("%d series of process_resident_memory_bytes for worker %d", series, worker)
		}
	}
}

// A worker that is stopped is missing in the answers of the others, and they say which.
func TestHTTPNamesTheWorkerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	deaf := 2
	pid := s.pids(t)[deaf]
	stopWorker(t, pid)
	for _, place := range []int{0, 1, 3} {
		var answer workersAnswer
		if err := s.get(place, "/api/v1/workers", &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Expected != workers || answer.Answered != workers-1 || len(answer.Errors) != 1 || answer.Errors[0].Worker != deaf {
			t.Errorf("%s: worker %d is stopped, the answer says %d of %d, errors %v",
				placeName(place), deaf, answer.Answered, answer.Expected, answer.Errors)
		}
		samples, err := s.metrics(place)
		if err != nil {
			t.Fatal(err)
		}
		label := model.LabelSet{"worker": model.LabelValue(strconv.Itoa(deaf))}
		if up, series := sum(samples, "rtmpedge_worker_up", label); up != 0 || series != 1 {
			t.Errorf("%s: rtmpedge_worker_up of the stopped worker is %v in %d series", placeName(place), up, series)
		}
		if answered, _ := sum(samples, "rtmpedge_scrape_workers_answered", nil); answered != workers-1 {
			t.Errorf("%s: rtmpedge_scrape_workers_answered is %v", placeName(place), answered)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.pids(t) // all answer again
}

// DELETE ends a publication wherever it is; its players wait for the next one.
func TestHTTPKick(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, place := range everywhere(s) {
		publisher, sending := s.goLiveAgain(t, 2, "live/kicked")
		viewer := play(t, s.rtmpURL(0, "live/kicked"))
		viewer.awaitRun(soon, publisher.source.run)

		status, body, err := s.call(place, http.MethodDelete, "/api/v1/streams/live/kicked")
		var answer kickAnswer
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if err != nil || status != http.StatusOK || !answer.Kicked || answer.Answered != workers {
			t.Fatalf("%s: DELETE: %d %s %v", placeName(place), status, body, err)
		}
		waitClosed(t, soon, "the end of the kicked publisher's sending", sending.done)
		if codes := publisher.told(soon); len(codes) == 0 {
			t.Errorf("%s: the publisher was not told", placeName(place))
		}
		again, _ := s.goLiveAgain(t, 1, "live/kicked")
		viewer.awaitRun(soon, again.source.run)
		again.conn.Close()
		viewer.close()
	}
	if status, body, err := s.call(shared, http.MethodDelete, "/api/v1/streams/live/nobody"); err != nil || status != http.StatusNotFound {
		t.Errorf("DELETE of a stream that is not there: %d %s %v", status, body, err)
	}
}

// The private sockets are in a folder that only the server's user may enter.
func TestRunDirIsPrivate(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	info, err := os.Stat(s.runDir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("%s has mode %v", s.runDir, info.Mode())
	}
	var names []string
	for _, socket := range socketsIn(t, s.runDir) {
		names = append(names, filepath.Base(socket))
		if info, err := os.Stat(socket); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", socket, info.Mode(), err)
		}
	}
	for slot := range workers {
		for _, kind := range []string{"rtmp", "http"} {
			if name := fmt.Sprintf("%s.sock.%d", kind, slot); !slices.Contains(names, name) {
				t.Errorf("no %s among %v", name, names)
			}
		}
	}
}
