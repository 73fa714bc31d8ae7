package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// chunkSizes are what rows 7 and 8 change between: the last is clamped to the length of the longest message.
var chunkSizes = [...]uint32{128, 1, 4096, 100, 65536, 1000, 1<<31 - 1}

// changingChunks publishes records whose chunks change their size in the middle of messages, with a message of another chunk stream in between.
func changingChunks(a *attacker) error {
	a.Count = 1
	return each(func(w *wire) error {
		if err := w.publishing(); err != nil {
			return err
		}
		source := newSource(a.Run)
		w.opening(source)
		changes := 0
		for range chunkPairs {
			first, _ := source.next()
			second, _ := source.next()
			switch {
			case changes < 2*len(chunkSizes):
				w.interleaved(&first, &second, chunkSizes[changes%len(chunkSizes)])
				changes++
			default:
				w.record(&first)
				w.record(&second)
			}
		}
		w.a.hold() // until the players have it all
		return w.alive()
	})(a)
}

// chunkPairs is how many pairs of messages are sent so, or as they should be.
const chunkPairs = 150

// opening sends the headers and the first keyframe, and waits until the test has seen players start there.
func (w *wire) opening(s *source) {
	for _, m := range s.headers() {
		w.record(&m)
	}
	m, _ := s.next()
	w.record(&m)
	w.a.hold()
}

// record sends a message of a source.
func (w *wire) record(m *rtmp.Message) {
	w.message(int(rtmp.CSIDFor(m.Type)), byte(m.Type), 1, m.Timestamp, m.Payload)
}

// interleaved begins the second message, sends the first with a new chunk size from its middle on, and then the rest of the second.
func (w *wire) interleaved(first, second *rtmp.Message, size uint32) {
	const csid = 20
	rest := second.Payload
	begun := len(rest) > w.chunkSize // else it would be complete before the first
	if begun {
		w.send(full(csid, second.Timestamp, len(rest), byte(second.Type), 1), rest[:w.chunkSize])
		rest = rest[w.chunkSize:]
	}
	b := first.Payload
	n := min(w.chunkSize, len(b))
	w.send(full(csid+1, first.Timestamp, len(b), byte(first.Type), 1), b[:n])
	w.setChunkSize(size)
	w.chunks(csid+1, b[n:])
	if !begun {
		w.record(second)
		return
	}
	w.chunks(csid, rest)
}

// chunks sends the rest of a message.
func (w *wire) chunks(csid int, rest []byte) {
	for len(rest) > 0 {
		n := min(w.chunkSize, len(rest))
		w.send(basic(3, csid), rest[:n])
		rest = rest[n:]
	}
}

// Rows 7 and 8: what is allowed, however odd, arrives byte for byte.
func TestAttackChunkSizes(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before := sc.metrics(t)
	o := order{Attack: "changing chunks", App: attackApp, Name: "chunks", Run: runs.Add(1)}
	stream := attackApp + "/" + streamName(o.Name, 0)
	var viewers []*player
	for worker := range attackWorkers {
		viewers = append(viewers, play(t, sc.s.rtmpURL(worker, stream)))
	}
	sc.s.awaitPlayers(t, stream, len(viewers))
	x := sc.assault(t, o)
	for _, n := range []int{1, 1 + 2*chunkPairs} {
		for _, viewer := range viewers {
			viewer.awaitMessages(soon, n)
		}
		x.awaitReady(t)
		x.release(t)
	}
	r := x.wait(t)
	sc.counted(t, before, 2, limitsTotal, "limit", "clamped")
	sc.quiet(t, &r)
}

// oddTimestamps publishes records whose timestamps wrap, jump and step back.
func oddTimestamps(a *attacker) error {
	a.Count = 1
	return each(func(w *wire) error {
		if err := w.publishing(); err != nil {
			return err
		}
		source := newSource(a.Run)
		source.start = 1<<32 - 2000
		w.setChunkSize(64 << 10)
		w.opening(source)
		some := func() {
			for range oddRun {
				m, _ := source.next()
				w.record(&m)
			}
		}
		some()                           // wraps
		source.start += hour             // a jump
		some()                           //
		source.start -= hour / 6         // a step back
		some()                           //
		source.start -= 3 * hour         // and one below the first
		some()                           //
		m, _ := source.next()            //
		m.Timestamp -= 2 * videoInterval // one frame is late
		w.record(&m)
		some()
		for range oddRun { // no order at all
			m, _ := source.next()
			m.Timestamp = rand.Uint32()
			w.record(&m)
		}
		w.a.hold() // until the players have it all
		return w.alive()
	})(a)
}

const (
	hour        = 3600 * 1000 // milliseconds
	oddRun      = 200
	oddMessages = 1 + 4*oddRun + 1 + 2*oddRun
)

// Row 14: whatever timestamps a publisher sends, players get every message, with timestamps that they can play by.
func TestAttackTimestamps(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before := sc.metrics(t)
	o := order{Attack: "odd timestamps", App: attackApp, Name: "odd", Run: runs.Add(1)}
	stream := attackApp + "/" + streamName(o.Name, 0)
	var viewers []*player
	for worker := range attackWorkers {
		viewers = append(viewers, play(t, sc.s.rtmpURL(worker, stream), keepAll, func(p *player) { p.unchecked = true }))
	}
	sc.s.awaitPlayers(t, stream, len(viewers))
	x := sc.assault(t, o)
	for _, n := range []int{1, oddMessages} {
		for _, viewer := range viewers {
			waitFor(t, soon, viewer.name+": messages in order", func() string { return notInOrder(viewer.keptMessages(), n) })
		}
		x.awaitReady(t)
		x.release(t)
	}
	r := x.wait(t)
	for _, kind := range []string{"forward", "backward", "small"} {
		sc.countedSome(t, before, 1, jumpsTotal, "kind", kind)
	}
	sc.quiet(t, &r)
}

// notInOrder says what is wrong with messages that shall be a whole run of records.
func notInOrder(messages []rtmp.Message, n int) string {
	newest := map[rtmp.MessageType]uint32{}
	number := uint64(0)
	for i := range messages {
		m := &messages[i]
		r, ok, err := recordIn(m)
		switch {
		case err != nil:
			return err.Error()
		case ok && r.number != number:
			return fmt.Sprintf("number %d instead of %d", r.number, number)
		case ok:
			number++
		}
		if isMetadata(m) {
			continue
		}
		last, seen := newest[m.Type]
		if step := int32(m.Timestamp - last); seen && (step < 0 || step > 10*hour) {
			return fmt.Sprintf("%v number %d, sent with timestamp %d, steps from %d to %d", m.Type, number-1, r.timestamp, last, m.Timestamp)
		}
		newest[m.Type] = m.Timestamp
	}
	if int(number) != n {
		return fmt.Sprintf("%d of %d messages", number, n)
	}
	return ""
}

// videoFlood publishes so much video in one go that it must not be kept.
func videoFlood(key bool) func(*attacker) error {
	return func(a *attacker) error {
		a.Count = 1
		return survived(func(w *wire) {
			w.setChunkSize(64 << 10)
			w.message(6, typeVideo, 1, 0, videoHeader)
			if key {
				w.message(6, typeVideo, 1, 0, video(true, floodFrame))
			}
			for i := range floodFrames {
				w.message(6, typeVideo, 1, uint32(i), video(false, floodFrame))
			}
		})(a)
	}
}

const (
	floodFrame  = 20 << 10
	floodFrames = 64 << 20 / floodFrame
)

// bigHeaders sends sequence headers and metadata that are too long to be kept for every player to come.
func bigHeaders(a *attacker) error {
	a.Count = 1
	return survived(func(w *wire) {
		w.setChunkSize(64 << 10)
		header := append([]byte("\x17\x00\x00\x00\x00"), make([]byte, 1<<20)...)
		for i := range 16 {
			w.message(6, typeVideo, 1, uint32(i), header)
			w.message(4, typeAudio, 1, uint32(i), append([]byte("\xaf\x00"), header...))
			w.message(8, typeData, 1, 0, append(amfString("onMetaData"), header[:200<<10]...))
		}
	})(a)
}

// manyTracks sends a sequence header for each of more tracks than anybody has (Enhanced RTMP v2, ExVideoTagHeader: multitrack, one track).
func manyTracks(a *attacker) error {
	a.Count = 1
	return survived(func(w *wire) {
		w.setChunkSize(64 << 10)
		for track := range 256 {
			b := append([]byte("\x96\x00avc1"), byte(track))
			w.message(6, typeVideo, 1, 100, append(b, make([]byte, 1<<10)...))
		}
	})(a)
}

// Row 15: a stream costs its log, whatever is sent.
func TestAttackEndlessGOP(t *testing.T) {
	t.Parallel()
	const logBytes = 2 << 20
	sc := newScene(t, options{live: "log_bytes: 2MiB"})
	for _, test := range []struct {
		attack, metric, label, value string
	}{
		{"no keyframe", droppedTotal, "reason", "no_keyframe"},
		{"endless GOP", limitsTotal, "limit", "gop"},
		{"big headers", limitsTotal, "limit", "header_size"},
		{"many tracks", limitsTotal, "limit", "tracks"},
	} {
		t.Run(test.attack, func(t *testing.T) {
			before, worker := sc.metrics(t), sc.observe(t, sc.target)
			r := sc.assault(t, order{Attack: test.attack, App: attackApp, Name: "gop"}).wait(t)
			worker.within(t, bound{memory: 4 * logBytes, cpu: cpuSlack})
			sc.countedSome(t, before, 1, test.metric, test.label, test.value)
			sc.counted(t, before, 1, closedTotal, "reason", "gone")
			sc.quiet(t, &r)
		})
	}
}
