package live

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A drain takes everything, as a socket with room does.
type drain struct{ bytes atomic.Int64 }

func (d *drain) TryWritev(iov [][]byte) (int, error) {
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	d.bytes.Add(int64(n))
	return n, nil
}

func (d *drain) WaitWritable(time.Time) error { return nil }
func (d *drain) Unacknowledged() int          { return 0 }

// BenchmarkFanout is one message from the feed to all players, without the kernel: what is left is what we add to it.
func BenchmarkFanout(b *testing.B) {
	for _, players := range []int{0, 1, 100, 1000} {
		b.Run(fmt.Sprintf("players=%d", players), func(b *testing.B) {
			h := NewHub(testOptions())
			f, err := h.Publish("live/x", "1")
			if err != nil {
				b.Fatal(err)
			}
			var d drain
			for range players {
				if err := h.Play("live/x", NewPlayer(PlayOptions{Sink: &d, StreamID: 1})); err != nil {
					b.Fatal(err)
				}
			}
			first := key(0)
			size := int64(len(frame(nil, Video, 0, first.Payload)))
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				before := d.bytes.Load()
				if err := f.Append(first); err != nil {
					b.Fatal(err)
				}
				for d.bytes.Load() < before+int64(players)*size { // until every player has it
					runtime.Gosched()
				}
			}
			f.Detach()
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			h.Close(ctx)
			h.Wait()
		})
	}
}
