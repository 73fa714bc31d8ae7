package live

import (
	"bytes"
	"fmt"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// resumeGap separates, in milliseconds, the timestamps of two publications of one stream that players watch across: a few frames, so that audio
// and video which start a little apart don't step back.
const resumeGap = 100

// A Feed is what appends to a stream: its publisher, or the relay from the worker that has it. Append is called from one goroutine.
type Feed struct {
	stream *Stream
	id     string // names the publication
	relay  bool

	// Owned by the appending goroutine.
	hasVideo bool
	keyed    bool        // a keyframe came
	offset   uint32      // added to the timestamps
	rebase   bool        // offset is to be set by the first frame
	floor    uint32      // with floored: no timestamp may be below
	floored  bool        // players watched an earlier publication
	resumed  bool        // players watched this publication: headers they have are skipped
	resuming [kinds]bool // and so are frames, until one comes that is newer than
	had      [kinds]uint32

	delivered bool // guarded by stream.mu
}

// attach makes a feed the stream's only one. Called with hub.mu and s.mu held.
func (s *Stream) attach(id string, relay bool) (*Feed, error) {
	if s.feed != nil && !s.feed.relay {
		return nil, fmt.Errorf("%w: %s", ErrPublishing, s.key)
	}
	f := &Feed{stream: s, id: id, relay: relay}
	switch watched := s.watched(); {
	case watched && id == s.lastID:
		f.resumed, f.offset, f.had, f.resuming, f.hasVideo, f.floor = true, s.lastOff, s.had, s.hasHad, s.hasVideo, s.newest
	case watched:
		f.rebase, f.floored, f.floor = true, true, s.newest+resumeGap
		s.forget()
	default:
		s.anything = false
		s.forget()
	}
	if s.outage != nil {
		s.outage.Stop()
		s.outage = nil
	}
	s.feed, s.since = f, time.Now()
	s.epoch++
	return f, nil
}

// watched tells whether there are players whose timestamps must not step back. Called with mu held.
func (s *Stream) watched() bool {
	for p := range s.players {
		if p.started.Load() {
			return s.anything
		}
	}
	return false
}

// forget drops what an earlier publication left for later players. Called with mu held.
func (s *Stream) forget() {
	s.headers, s.hasVideo, s.codecs = &headers{}, false, [kinds]string{}
	s.lastID, s.hasHad = "", [kinds]bool{}
	s.log.starts = nil
}

// Append adds a message to the stream, if it is one that players get. It keeps the payload.
func (f *Feed) Append(m *rtmp.Message) error {
	c, ok := classify(m)
	if !ok {
		return nil
	}
	s := f.stream
	s.hub.opts.Observer.Received(c.kind, f.relay, len(c.payload))
	s.received.Add(uint64(len(m.Payload)))
	if f.dropped(&c, m.Timestamp) {
		return nil
	}
	ts := f.shift(&c, m.Timestamp)
	p := packet{
		framed:  frame(make([]byte, 0, len(c.payload)+headerSize+8), c.kind, ts, c.payload),
		arrived: s.hub.clock.now(), timestamp: ts, kind: c.kind, keyframe: c.keyframe,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed != f {
		return ErrDetached
	}
	if c.header && f.resumed && bytes.Equal(s.headers.payload[c.kind], c.payload) {
		return nil
	}
	f.note(&c, ts)
	s.log.append(p, s.headers)
	s.log.trim(p.arrived, &s.hub.opts)
	s.poke()
	return nil
}

// dropped tells whether players should not get the message: they had it, or could not decode it.
func (f *Feed) dropped(c *classified, timestamp uint32) bool {
	if c.header {
		f.hasVideo = f.hasVideo || c.kind == Video
		return false
	}
	if f.resuming[c.kind] {
		if int32(timestamp+f.offset-f.had[c.kind]) <= 0 {
			f.keyed = f.keyed || c.keyframe
			return true
		}
		f.resuming[c.kind] = false
	}
	if c.kind != Video {
		return false
	}
	f.hasVideo, f.keyed = true, f.keyed || c.keyframe
	if !f.keyed {
		f.stream.hub.opts.Observer.Dropped(DropNoKeyframe, 1)
	}
	return !f.keyed
}

// shift returns the timestamp as players get it: the same, unless they watched an earlier publication of the stream; then one that goes on
// from there.
func (f *Feed) shift(c *classified, timestamp uint32) uint32 {
	if (f.floored || f.resumed) && c.header && c.kind == Data {
		return metadataTimestamp
	}
	if f.rebase {
		if c.header || c.kind == Data {
			return f.floor
		}
		f.rebase = false
		f.offset = f.floor - timestamp
	}
	ts := timestamp + f.offset
	if (f.floored || f.resumed && c.header) && int32(ts-f.floor) < 0 {
		return f.floor
	}
	return ts
}

// note keeps what later players need. Called with stream.mu held.
func (f *Feed) note(c *classified, ts uint32) {
	s := f.stream
	if c.header {
		s.headers = s.headers.with(c.kind, c.payload)
	}
	if c.codec != "" {
		s.codecs[c.kind] = c.codec
	}
	if !s.anything || int32(ts-s.newest) > 0 {
		s.newest = ts
	}
	if !c.header {
		s.had[c.kind], s.hasHad[c.kind] = ts, true
	}
	s.anything, s.hasVideo, f.delivered = true, f.hasVideo, true
	if !f.rebase { // from here on the publication can be resumed
		s.lastID, s.lastOff = f.id, f.offset
	}
}

// Detach ends the feed. Players stay for a while, to see the stream come back.
func (f *Feed) Detach() { f.stream.hub.detach(f) }
