package fmp4

import (
	"cmp"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// maxFragment is from how many bytes on a fragment is written, however short it is.
const maxFragment = 1 << 20

// How long a sample may be in the place of what is missing behind it, in milliseconds: always, and if the other track went on meanwhile.
const (
	maxBridge     = 1_000
	longestBridge = 30_000
)

// usualVideo is how long a frame of video is while nothing is known, in milliseconds.
const usualVideo = 40

// A muxer writes frames as fragments.
type muxer struct {
	dst      io.Writer
	fragment int64 // milliseconds
	stats    *Stats
	buf      seekablebuffer.Buffer
	number   uint32 // of the newest fragment

	video, audio *track // nil: there is none
	holeTo       int64  // timestamp at which the newest hole ended
}

// begin writes an initialization segment.
func (m *muxer) begin(video, audio *config) error {
	m.video = m.video.configured(videoID, video)
	m.audio = m.audio.configured(audioID, audio)
	if err := writeInit(&m.buf, video, audio); err != nil {
		return err
	}
	m.stats.Inits++
	return m.write()
}

// renew writes another initialization segment, which this frame is the first to need. What was before it is written first; of the other track, if
// that changes as well, up to the time of the frame.
func (m *muxer) renew(f *frame, video, audio *config, both bool) error {
	t, other := m.tracks(f)
	m.conclude(t, other, f)
	both = both && other.holding
	if both {
		until := max(f.at*other.scale/1000, other.held.dts+other.usual)
		other.finish(until - other.held.dts)
		other.held.dts, other.heldAt = until, f.at
	}
	if err := m.flush(); err != nil {
		return err
	}
	if err := m.begin(video, audio); err != nil {
		return err
	}
	if both && other.silent != nil { // the first frame may come a little later, but not behind a gap
		other.held.data, other.held.sync, other.holding, other.usual = other.silent, true, true, other.silentSamples
		other.expected = other.held.dts + other.silentSamples
		m.stats.Silences++
	}
	return nil
}

// configured is the track after an initialization segment. Its timeline goes on.
func (t *track) configured(id int, c *config) *track {
	if c == nil {
		return nil
	}
	if t == nil {
		t = &track{id: id, scale: c.scale, usual: usualVideo, silences: maxSilences}
	}
	if t.scale != c.scale { // of audio
		t.held.dts = t.held.dts * c.scale / t.scale
		t.expected = t.expected * c.scale / t.scale
		t.scale = c.scale
	}
	if id == audioID {
		t.silent, t.silentSamples = silence(&c.audio)
		t.usual = cmp.Or(t.silentSamples, aacSamples)
	}
	return t
}

// tracks returns the track of a frame, and the other one.
func (m *muxer) tracks(f *frame) (t, other *track) {
	if f.video {
		return m.video, m.audio
	}
	return m.audio, m.video
}

// push takes the next frame.
func (m *muxer) push(f *frame) error {
	t, other := m.tracks(f)
	if !f.video && t.holding && !t.finished && f.at == t.heldAt {
		// At the beginning, all audio from before the first keyframe has its timestamp. The newest is about right.
		t.begun, t.holding = false, false
		m.stats.Dropped++
		m.stats.Frames--
	}
	hole := m.conclude(t, other, f)
	if hole || f.video && f.sync { // a keyframe begins a fragment
		if err := m.flush(); err != nil {
			return err
		}
	}
	t.hold(f)
	m.stats.Frames++
	if t.ms(t.length) >= m.fragment || m.bytes() >= maxFragment {
		return m.flush()
	}
	return nil
}

// conclude finishes the sample that is held, now that the next one of its track is known. It tells whether it leaves a hole.
func (m *muxer) conclude(t, other *track, f *frame) (hole bool) {
	if !t.holding {
		return false
	}
	until := t.next(f)
	duration := until - t.held.dts
	before := t.interval
	t.interval = duration
	switch {
	case m.hole(t, other, f, until, t.ms(before)):
		m.holeTo = f.at
		m.stats.Holes++
		t.finish(t.usual)
		return true
	case t.fillable(until) && t.ms(duration-t.usual) > tolerance:
		m.stats.Silences += t.fill(until)
	default:
		if t.ms(duration) <= maxBridge {
			t.usual = duration
		}
		t.finish(duration)
	}
	return false
}

// hole tells whether a gap is to be left in the timeline: if something is missing. It is not where there was nothing to send, as frames are
// shown until the next one, and the other track went on.
func (m *muxer) hole(t, other *track, f *frame, until, before int64) bool {
	gap := t.ms(until - t.held.dts)
	const slow = 3 // times as long as the gap before is nothing unusual
	switch {
	case gap <= maxBridge:
		return false
	case gap > longestBridge:
		return true
	case !f.video && !t.fillable(until): // browsers would play the sound too early from then on
		return true
	case f.video && !f.sync: // something is missing up to a keyframe
		return false
	case other == nil:
		return !f.video || gap > slow*before
	case t.heldAt < m.holeTo: // the other track has it, too
		return true
	default:
		return other.heldAt < t.heldAt+gap/2
	}
}

// end writes all there is. How long the newest frames are is not known; they are as long as those before.
func (m *muxer) end() error {
	for _, t := range []*track{m.video, m.audio} {
		if t != nil && t.holding {
			t.finish(t.usual)
		}
	}
	return m.flush()
}

func (m *muxer) bytes() (n int) {
	for _, t := range []*track{m.video, m.audio} {
		if t != nil {
			n += t.bytes
		}
	}
	return n
}

// flush writes a fragment, if there is something for it.
func (m *muxer) flush() error {
	part := fmp4.Part{SequenceNumber: m.number + 1}
	for _, t := range []*track{m.video, m.audio} {
		if t != nil && len(t.pending) > 0 {
			part.Tracks = append(part.Tracks, t.take())
		}
	}
	if len(part.Tracks) == 0 {
		return nil
	}
	m.number++
	m.stats.Fragments++
	m.buf.Reset()
	if _, err := m.buf.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := part.Marshal(&m.buf); err != nil {
		return err
	}
	return m.write()
}

// write writes what the buffer has, at once.
func (m *muxer) write() error {
	_, err := m.dst.Write(m.buf.Bytes())
	return err
}

// milliseconds of a duration, at least one.
func milliseconds(d time.Duration) int64 { return max(1, d.Milliseconds()) }
