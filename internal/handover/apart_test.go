package handover

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
