package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// envPanics says that this process is a test that was started again with a server that panics on demand.
const envPanics = "RTMP_EDGE_E2E_PANICS"

// Row 28: a panic in a session ends that session, is counted, and logged with its stack.
func TestAttackPanic(t *testing.T) {
	t.Parallel()
	if os.Getenv(envPanics) != "" {
		t.Run("on demand", testPanic)
		return
	}
	// The server with the build tag sessionpanic panics where a session publishes a certain name. It is for this test alone.
	binary := filepath.Join(t.TempDir(), "rtmp-edge")
	args := []string{"build", "-tags", "sessionpanic", "-o", binary}
	if raceBinary {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "github.com/rtmp-edge/rtmp-edge/cmd/rtmp-edge")...).CombinedOutput(); err != nil {
		t.Fatalf("building the server: %v\n%s", err, out)
	}
	again := exec.Command(os.Args[0], "-test.run=^TestAttackPanic$", "-test.v")
	again.Env = append(os.Environ(), envPanics+"=1", envBinary+"="+binary)
	out, err := again.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// panicking publishes the name that makes the server panic.
var panicking = each(func(w *wire) error {
	if err := w.connected(); err != nil {
		return err
	}
	w.publish(w.a.Name)
	return nil
})

func testPanic(t *testing.T) {
	sc := newScene(t, options{})
	before := sc.metrics(t)
	r := sc.assault(t, order{Attack: "panicking", App: attackApp, Name: "panic-now", Count: 5}).wait(t)
	for _, f := range r.Fates {
		if !f.Closed {
			t.Errorf("a session that panicked is still open: %+v", f)
		}
	}
	sc.counted(t, before, len(r.Fates), closedTotal, "reason", "panic")
	sc.quiet(t, &r)
	lines := sc.s.log.remove("level=ERROR .*reason=panic")
	if len(lines) != len(r.Fates) {
		t.Errorf("%d of %d panics in the log", len(lines), len(r.Fates))
	}
	stack := regexp.MustCompile(`panic: .*goroutine .*internal/worker.*session.*\.go:\d+`)
	for _, line := range lines {
		if !stack.MatchString(line) {
			t.Errorf("no stack in the log: %s", line)
		}
	}
	for _, viewer := range sc.viewers {
		viewer.awaitMore(soon, messagesPerSecond)
	}
}
