package master

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

func TestEndReason(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"exit 0": metrics.RestartExit, "exit 1": metrics.RestartError, "exit 2": metrics.RestartPanic, "exit 3": metrics.RestartError,
		"kill -KILL $$": metrics.RestartKilled, "kill -SEGV $$": metrics.RestartSignal, "kill -TERM $$": metrics.RestartSignal,
	} {
		cmd := exec.Command("sh", "-c", script)
		_ = cmd.Run() // its state says it
		if got := endReason(cmd.ProcessState); got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
}

// Every process of a worker knows how those before it ended, and of no other worker's.
func TestRecord(t *testing.T) {
	t.Parallel()
	var r record
	r.ended(1, metrics.RestartKilled)
	r.ended(1, metrics.RestartKilled)
	first, _ := r.of(1)
	r.ended(1, metrics.RestartPanic)
	r.ended(0, metrics.RestartExit)
	if d := cmp.Diff(map[string]int{metrics.RestartKilled: 2}, first); d != "" {
		t.Errorf("what was handed out changed: %s", d)
	}
	ends, _ := r.of(1)
	if d := cmp.Diff(map[string]int{metrics.RestartKilled: 2, metrics.RestartPanic: 1}, ends); d != "" {
		t.Error(d)
	}
	good := r.reloaded(true)
	if bad := r.reloaded(false); bad.OK || bad.At.Before(good.At) || !bad.Loaded.Equal(good.At) {
		t.Errorf("%+v after %+v", bad, good)
	}
}

// A process that does not answer is sent one word, and then the newest.
func TestNewsOfAProcessThatHangs(t *testing.T) {
	t.Parallel()
	control, f, err := handover.Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker, err := handover.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	defer worker.Close()
	var n news
	at := func(i int) time.Time { return time.Unix(int64(i), 0) }
	const words = 10_000 // more than a socket holds
	for i := range words {
		n.tell(control, handover.Reload{At: at(i)})
	}
	next := func() time.Time {
		var r handover.Reload
		m, err := worker.Receive()
		if err == nil {
			err = json.Unmarshal(m.Body, &r)
		}
		if err != nil || m.Kind != handover.KindReload {
			t.Fatalf("%v %v", m.Kind, err)
		}
		return r.At
	}
	if got := next(); !got.Equal(at(0)) {
		t.Errorf("first %v", got)
	}
	n.noted(control)
	if got := next(); !got.Equal(at(words - 1)) {
		t.Errorf("then %v", got)
	}
	n.noted(control)
	n.noted(control)
	n.tell(control, handover.Reload{At: at(words)})
	if got := next(); !got.Equal(at(words)) {
		t.Errorf("last %v", got)
	}
}
