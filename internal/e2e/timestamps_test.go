package e2e

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

const anHour = 3600_000 // milliseconds

// Streams whose timestamps do what encoders and networks make them do are played by ffmpeg without an error and without a frame missing, and no kind of
// message steps back: on the owner's worker and through a relay, from the beginning, and joined after the event.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	taken := shoot(t)
	s := start(t, options{workers: 2, live: "republish_wait: 500ms"})
	for _, tt := range []struct {
		name  string
		start uint32
		then  func(m *rtmp.Message, number int) (later int32) // from the event on
		kind  string                                          // of the discontinuity that is counted, if one is
	}{
		{name: "five hours old", start: 5 * anHour},
		{name: "extended from the event on", start: 0xffffff - eventAt},
		{name: "across 2^31", start: math.MaxInt32 - eventAt},
		{name: "across 2^32", start: math.MaxUint32 - eventAt},
		{"an hour ahead", 0, func(*rtmp.Message, int) int32 { return anHour }, "forward"},
		{"an hour back", 2 * anHour, func(*rtmp.Message, int) int32 { return -anHour }, "backward"},
		{"from the beginning again", 5 * anHour, func(*rtmp.Message, int) int32 { return -5*anHour - eventAt }, "backward"},
		{"small steps back", 0, func(m *rtmp.Message, number int) int32 {
			if m.Type == rtmp.TypeAudio && number%7 == 0 {
				return -440
			}
			return -400
		}, "small"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var sent []rtmp.Message
			for i, m := range taken.frames {
				if m.Timestamp >= eventAt && tt.then != nil {
					m.Timestamp += uint32(tt.then(&m, i))
				}
				m.Timestamp += tt.start
				sent = append(sent, m)
			}
			decoders := s.replay(t, fmt.Sprintf("live/%x", tt.name), tt.start, taken, sent)
			for _, d := range decoders {
				// Where times are levelled, pictures are not shown in even steps, and their order may look wrong.
				d.check(t, taken.frames[d.from:], tt.kind == "small")
			}
			if tt.kind != "" {
				s.awaitMetric(t, 1, "rtmpedge_timestamp_discontinuities_total", "kind", tt.kind)
			}
		})
	}
}

// replay publishes footage with other timestamps, and looks at what players of our own get.
func (s *server) replay(t *testing.T, stream string, start uint32, taken *footage, sent []rtmp.Message) (decoders []*decoder) {
	raw := func(p *player) { p.unchecked, p.keep = true, true }
	var players []*watcher
	join := func(from int, places ...int) {
		for _, place := range places {
			decoders = append(decoders, ffmpegDecode(t, s.rtmpURL(place, stream), from))
			players = append(players, &watcher{play(t, s.rtmpURL(place, stream), raw), from})
		}
		s.awaitPlayers(t, stream, len(decoders)+len(players))
	}
	p := publish(t, s.rtmpURL(0, stream))
	written := 0
	write := func(to int) {
		for ; written < to; written++ {
			if err := p.write(sent[written]); err != nil {
				t.Fatal(err)
			}
		}
		p.awaitReceived(s, stream)
	}
	join(0, 0, 1)
	for _, m := range taken.headers {
		m.Timestamp += start
		if err := p.write(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []uint32{soonAfterStart, soonAfter, longAfter} {
		n := taken.until(at)
		write(n)
		for _, w := range players { // or else the relay might begin at a later GOP, or those who join find none there
			w.await(t, sent[w.from:n])
		}
		if at != soonAfterStart {
			join(taken.keyframe(n), 0, 1)
		}
	}
	write(len(sent))
	for _, w := range players {
		w.await(t, sent[w.from:])
		w.check(t, taken.frames[w.from:], sent[w.from:])
	}
	p.end()
	return decoders
}

// until counts the frames before a time.
func (r *footage) until(ms uint32) int {
	for i, m := range r.frames {
		if m.Timestamp >= ms {
			return i
		}
	}
	return len(r.frames)
}

// keyframe is the number of the newest one among the first n.
func (r *footage) keyframe(n int) int {
	for i := n - 1; ; i-- {
		if bytes.HasPrefix(r.frames[i].Payload, []byte{0x17, 1}) && r.frames[i].Type == rtmp.TypeVideo {
			return i
		}
	}
}

// A watcher is a player of our own that keeps what it gets.
type watcher struct {
	*player
	from int // the first frame that it shall get
}

// frames are the messages but for metadata and sequence headers.
func (w *watcher) frames() []rtmp.Message {
	var frames []rtmp.Message
	for _, m := range w.keptMessages() {
		if !isHeader(&m) {
			frames = append(frames, m)
		}
	}
	return frames
}

// await waits until the player has these frames.
func (w *watcher) await(t *testing.T, sent []rtmp.Message) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%s: %d frames", w.name, len(sent)), func() string {
		if n := len(w.frames()); n < len(sent) {
			return fmt.Sprintf("%d of them", n)
		}
		return ""
	})
}

// check compares what the player got with the recording: every frame is there and as it was sent, no kind steps back, and what was in sync still is.
func (w *watcher) check(t *testing.T, recorded, sent []rtmp.Message) {
	t.Helper()
	got := w.frames()
	if len(got) != len(sent) {
		t.Errorf("%s: %d frames instead of %d", w.name, len(got), len(sent))
		return
	}
	last, shift := map[rtmp.MessageType]uint32{}, map[rtmp.MessageType]uint32{}
	for i, m := range got {
		if m.Type != sent[i].Type || !bytes.Equal(m.Payload, sent[i].Payload) {
			t.Errorf("%s: frame %d is %v of %d bytes, not %v of %d", w.name, i, m.Type, len(m.Payload), sent[i].Type, len(sent[i].Payload))
			return
		}
		if before, ok := last[m.Type]; ok && int32(m.Timestamp-before) < 0 {
			t.Errorf("%s: frame %d: %v steps back from %d to %d", w.name, i, m.Type, before, m.Timestamp)
			return
		}
		last[m.Type] = m.Timestamp
		shift[m.Type] = m.Timestamp - recorded[i].Timestamp
	}
	// In the end: what was levelled has caught up. One kind may be up to some frames late.
	const apart = 60
	if diff := int32(shift[rtmp.TypeVideo] - shift[rtmp.TypeAudio]); diff < -apart || diff > apart {
		t.Errorf("%s: video is shifted by %d, audio by %d", w.name, int32(shift[rtmp.TypeVideo]), int32(shift[rtmp.TypeAudio]))
	}
}

// A decoder is an ffmpeg that decodes all that it gets, and also copies it.
type decoder struct {
	ffmpegPlayer // of the copied packets
	dir          string
	from         int // the first frame that it shall get
}

func ffmpegDecode(t *testing.T, url string, from int) *decoder {
	t.Helper()
	dir := t.TempDir()
	d := &decoder{dir: dir, from: from}
	d.file = filepath.Join(dir, "packets.framemd5")
	d.process = run(t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-rw_timeout", "30000000", "-xerror", "-err_detect", "explode",
		"-i", url, "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framemd5", d.file, "-map", "0:v", "-map", "0:a", "-c", "copy", filepath.Join(dir, "copy.flv"),
		"-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", filepath.Join(dir, "pictures"), "-map", "0:a", "-f", "s16le", filepath.Join(dir, "sound"))
	return d
}

// check waits for the decoder's end, and compares what it got and decoded with the footage.
func (d *decoder) check(t *testing.T, recorded []rtmp.Message, uneven bool) {
	t.Helper()
	d.wait(2 * soon)
	count := map[rtmp.MessageType]int{}
	for _, m := range recorded {
		if m.Payload[1] == 1 { // a frame, not the end of the sequence
			count[m.Type]++
		}
	}
	d.ffmpegPlayer.check(count[rtmp.TypeVideo])
	const picture, sound = footageWidth * footageHeight, 1024 * 2 // bytes: samples of an AAC frame, mono
	for name, want := range map[string]int{"pictures": count[rtmp.TypeVideo] * picture, "sound": count[rtmp.TypeAudio] * sound} {
		if info, err := os.Stat(filepath.Join(d.dir, name)); err != nil || info.Size() != int64(want) {
			t.Errorf("%s decoded: %v, %d bytes instead of %d", name, err, info.Size(), want)
		}
	}
	if said := d.out.String(); said != "" && !uneven {
		t.Errorf("ffmpeg said:\n%s", said)
	}
}
