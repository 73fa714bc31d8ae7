package handover

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Whatever the size of a body, it arrives, and its memory is not among the files.
func TestLargeBodies(t *testing.T) {
	master, worker := pair(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	descriptors := func() int {
		t.Helper()
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := descriptors()
	for _, size := range []int{maxInline - 100, maxInline + 1, 1 << 20, maxMessage - 100} {
		want := Outcome{Error: strings.Repeat("x", size)}
		if err := master.Send(KindTold, Told{Outcome: want}, null); err != nil { // nobody receives yet
			t.Fatal(err)
		}
		var got Told
		files, err := worker.Expect(KindTold, &got)
		if err != nil || len(files) != 1 {
			t.Fatalf("%d bytes: %d files, %v", size, len(files), err)
		}
		files[0].Close()
		if d := cmp.Diff(want, got.Outcome); d != "" {
			t.Errorf("%d bytes: (-sent +received)\n%.1000s", size, d)
		}
	}
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors are open, there were %d", after, before)
	}
}

// To send some to one that receives nothing does not block, however large they are.
func TestLargeBodiesFillNoSocket(t *testing.T) {
	t.Parallel()
	master, _ := pair(t)
	if err := master.uc.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := master.Send(KindTold, Told{Outcome: Outcome{Error: strings.Repeat("x", 1<<20)}}); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// One that lacks its body is an error.
func TestBodyIsMissing(t *testing.T) {
	t.Parallel()
	master, worker := pair(t)
	if _, err := master.uc.Write(append([]byte{0, 0, 0, 28}, `{"kind":"told","apart":true}`...)); err != nil {
		t.Fatal(err)
	}
	if m, err := worker.Receive(); err == nil || !strings.Contains(err.Error(), "without its body") {
		t.Errorf("received %+v, %v", m, err)
	}
}

// What comes while no descriptor is free is not the end: the next message is as good as ever.
func TestNoDescriptorIsFree(t *testing.T) { // for the whole process: not parallel
	master, worker := pair(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	large := Told{Ask: 7, Outcome: Outcome{Error: strings.Repeat("x", maxInline)}}
	for _, send := range []func() error{
		func() error { return master.Send(KindTold, large) },
		func() error { return master.Send(KindTold, large, null, null) },
		func() error { return master.Send(KindTold, Told{Ask: 7}, null) },
		func() error { return master.Send(KindStart, Start{}, null) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	for _, body := range []string{"", "", `{"ask":7`} {
		m, err := receiveWithout(t, worker)
		if err != nil || !m.Lost || len(m.Files) > 0 || m.Kind != KindTold || !strings.HasPrefix(string(m.Body), body) || body == "" && m.Body != nil {
			t.Errorf("received %+v, %v", m, err)
		}
	}
	var before unix.Rlimit
	setDescriptors(t, &unix.Rlimit{}, &before)
	_, err = worker.Expect(KindStart, new(Start))
	setDescriptors(t, &before, nil)
	if !errors.Is(err, ErrLost) {
		t.Errorf("expected a start: %v", err)
	}
	if err := master.Send(KindTold, large, null); err != nil {
		t.Fatal(err)
	}
	var got Told
	if files, err := worker.Expect(KindTold, &got); err != nil || len(files) != 1 || got.Ask != 7 {
		t.Errorf("then: %d files, %v", len(files), err)
	} else {
		files[0].Close()
	}
}

// receiveWithout receives while this process may open nothing.
func receiveWithout(t *testing.T, c *Conn) (Message, error) {
	t.Helper()
	var before unix.Rlimit
	setDescriptors(t, &unix.Rlimit{}, &before)
	defer setDescriptors(t, &before, nil)
	return c.Receive()
}

// setDescriptors sets the soft limit.
func setDescriptors(t *testing.T, to, before *unix.Rlimit) {
	t.Helper()
	var now unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: to.Cur, Max: now.Max}, before); err != nil {
		t.Fatal(err)
	}
}
