package live

import (
	"testing"
	"time"
)

// A miser takes so many bytes of each write.
type miser struct{ most int }

func (m *miser) TryWritev(iov [][]byte) (int, error) {
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	return min(n, m.most), nil
}

func (m *miser) WaitWritable(time.Time) error { return nil }
func (m *miser) Unacknowledged() int          { return 0 }

// flushing returns a function that sends a GOP, a second of audio and video, to a player.
func flushing(t testing.TB, f Format, most int) func() {
	t.Helper()
	h := NewHub(testOptions())
	feed, err := h.Publish("live/x", "1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(25) {
		video := inter(40 * i)
		if i == 0 {
			video = key(0)
		}
		video.Payload = append(video.Payload, make([]byte, 5000)...)
		if err := feed.Append(video); err != nil {
			t.Fatal(err)
		}
		if err := feed.Append(audio(40 * i)); err != nil {
			t.Fatal(err)
		}
	}
	p := NewPlayer(PlayOptions{Sink: &miser{most}, StreamID: sharedStreamID, Format: f})
	p.stream = feed.stream
	v := feed.stream.look()
	var b batch
	p.flush(&v, &b)
	start := v.starts[0]
	return func() {
		p.cursor, p.seq = start.at, start.seq
		for p.cursor != v.tail {
			if left := p.flush(&v, &b); left > flushedBlocked {
				t.Fatal("the player has ended")
			}
		}
	}
}

func TestFlushAllocatesNothing(t *testing.T) {
	for _, f := range []Format{FormatRTMP, FormatFLV} {
		for _, most := range []int{endless, 777} {
			all := flushing(t, f, most)
			all()
			if n := testing.AllocsPerRun(100, all); n != 0 {
				t.Errorf("format %d, %d bytes at a time: %v allocations", f, most, n)
			}
		}
	}
}

// BenchmarkFormats is a second of a stream to one player, without the kernel.
func BenchmarkFormats(b *testing.B) {
	for name, f := range map[string]Format{"rtmp": FormatRTMP, "flv": FormatFLV} {
		b.Run(name, func(b *testing.B) {
			all := flushing(b, f, endless)
			b.ReportAllocs()
			for b.Loop() {
				all()
			}
		})
	}
}
