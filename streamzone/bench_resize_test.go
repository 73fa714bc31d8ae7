package streamzone_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// 10,000 streams of four processes move to a zone of other sizes, and back. How
// long do claims wait: by what the keeper says, and for a process that claims
// without rest meanwhile?
func BenchmarkResize(b *testing.B) {
	smaller := streamzone.Config{Streams: benchLive + benchRoom}
	larger := streamzone.Config{Buckets: 20011, Streams: 20000}
	k := newKeeper(b, smaller)
	book, err := streamzone.NewMemfd(bookWords * 8)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = book.Close() })
	var children []*child
	for slot := range 4 {
		c := spawn(b, k, "bench", slot, book)
		orderAll([]*child{c}, "fill own%d %d", slot, benchLive/4)
		children = append(children, c)
	}
	// Through /proc, any process of ours can open what another one has open.
	follow := func(f *os.File) error {
		for _, answer := range orderAll(children, "follow /proc/%d/fd/%d", os.Getpid(), f.Fd()) {
			if answer != "followed" {
				return fmt.Errorf("%w: %s", errBench, answer)
			}
		}
		return nil
	}
	var took benchTimes
	for b.Loop() {
		for _, cfg := range []streamzone.Config{larger, smaller} {
			orderAll(children[:1], "toil")
			begun := benchClock.now()
			r, err := k.Resize(cfg, deadline, follow)
			if err != nil || r.Live < benchLive {
				b.Fatal(r, err)
			}
			took.add("call-ms", benchClock.now()-begun)
			took.add("frozen-ms", int64(r.Frozen))
			var claim int64
			if _, err := fmt.Sscan(orderAll(children[:1], "rest")[0], &claim); err != nil {
				b.Fatal(err)
			}
			took.add("claim-ms", claim)
		}
	}
	for _, c := range children {
		c.finish()
	}
	took.report(b)
}

func (w *benchWorker) follow(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.z.Follow(f)
}

// A toiler claims and releases names without rest.
type toiler struct {
	stop    chan struct{}
	wg      sync.WaitGroup
	longest time.Duration // turn
	err     error
}

func (t *toiler) start(r rival, names []string) {
	*t = toiler{stop: make(chan struct{})}
	t.wg.Go(func() {
		for i := 0; t.err == nil; i++ {
			select {
			case <-t.stop:
				return
			default:
			}
			begun := benchClock.now()
			t.err = claimRelease(r, names[i%len(names)])
			t.longest = max(t.longest, time.Duration(benchClock.now()-begun))
		}
	})
}

// end gives back the longest turn in nanoseconds.
func (t *toiler) end() (any, error) {
	close(t.stop)
	t.wg.Wait()
	return int64(t.longest), t.err
}
