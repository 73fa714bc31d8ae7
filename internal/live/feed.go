package live

import (
	"fmt"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A Feed is what appends to a stream: its publisher, or the relay from the worker that has it. Append is called from one goroutine.
type Feed struct {
	stream *Stream
	id     string // names the publication
	relay  bool

	// Owned by the appending goroutine.
	timeline timeline
	hasVideo bool
	awaiting bool         // nothing but headers passes until a keyframe: see Inherit
	keyed    flv.Tracks   // tracks of video that a keyframe came of: players can decode them
	lowest   [kinds]uint8 // track that frames came of: where players start
	named    [kinds]uint8 // lowest track that anything came of: whose codec is the stream's
	resuming [kinds]bool  // players watched this publication: what they have is skipped, until something newer comes
	resumed  bool         // likewise: headers they have are skipped

	delivered bool // guarded by stream.mu
}

// noTrack is above any that is in use.
const noTrack = 255

var noTracks = [kinds]uint8{noTrack, noTrack, noTrack}

// attach makes a feed the stream's only one. Called with hub.mu and s.mu held.
func (s *Stream) attach(id string, relay bool) (*Feed, error) {
	if s.feed != nil && !s.feed.relay {
		return nil, fmt.Errorf("%w: %s", ErrPublishing, s.key)
	}
	f := &Feed{stream: s, id: id, relay: relay, lowest: noTracks, named: noTracks}
	switch watched := s.watched(); {
	case watched && id == s.lastID:
		f.timeline = s.timeline.again(relay)
		f.resumed, f.resuming, f.hasVideo = true, [kinds]bool{true, true, true}, s.hasVideo
	case watched:
		f.timeline = s.timeline.next(relay)
		s.forget()
	default:
		f.timeline = timeline{relayed: relay}
		s.timeline = f.timeline
		s.forget()
	}
	if s.outage != nil {
		s.outage.Stop()
		s.outage = nil
	}
	s.feed, s.since, s.meter = f, time.Now(), meter{}
	s.epoch++
	return f, nil
}

// watched tells whether there are players whose timestamps must not step back. Called with mu held.
func (s *Stream) watched() bool {
	for p := range s.players {
		if p.started.Load() {
			return s.timeline.fed()
		}
	}
	return false
}

// forget drops what an earlier publication left for later players. Called with mu held.
func (s *Stream) forget() {
	s.headers, s.hasVideo, s.codecs = &headers{}, false, [kinds]string{}
	s.lastID = ""
	s.log.starts = nil
}

// Append adds a message to the stream, if it is one that players get. It does not keep the payload.
func (f *Feed) Append(m *rtmp.Message) error {
	c, ok := classify(m)
	if !ok {
		return nil
	}
	s, observer := f.stream, f.stream.hub.opts.Observer
	observer.Received(c.kind, f.relay, len(c.payload))
	s.received.Add(uint64(len(m.Payload)))
	if !f.relay {
		s.ours.Add(uint64(len(m.Payload)))
	}
	f.track(&c)
	if f.dropped(&c, m.Timestamp) {
		return nil
	}
	now := s.hub.clock.now()
	ts, d := f.place(&c, m.Timestamp, now)
	return f.append(&c, packet{arrived: now, timestamp: ts, kind: c.kind, keyframe: c.keyframe}, d)
}

// append puts a message into the log.
func (f *Feed) append(c *classified, p packet, d Discontinuity) error {
	s := f.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed != f {
		return ErrDetached
	}
	if c.header() && f.resumed && s.headers.has(c) {
		return nil
	}
	f.note(c)
	s.meter.jumps.add(d)
	if d != "" && !f.relay {
		s.jumps++
	}
	if interval, again := s.meter.note(&p, len(c.payload), c.media(), s.sent.Load()); again {
		s.hub.opts.Observer.GOP(f.relay, interval)
	}
	s.log.append(p, c.payload, s.headers)
	s.end.Store(s.log.tail)
	if s.log.trim(p.arrived, s.hub.bounds.Load()) {
		s.hub.opts.Observer.Limit(LimitGOP)
	}
	s.notify(p.keyframe)
	return nil
}

// track notes which tracks there are, and whether players may start at the message: at keyframes of the lowest track. The others are decodable
// from their own next keyframe on; encoders send them together.
func (f *Feed) track(c *classified) {
	lowest, ok := c.Tracks.Lowest()
	if !ok {
		return
	}
	switch {
	case c.media():
		f.lowest[c.kind] = min(f.lowest[c.kind], lowest)
	case c.Type == flv.SequenceEnd && lowest == f.lowest[c.kind]:
		f.lowest[c.kind] = noTrack
	}
	if f.named[c.kind] = min(f.named[c.kind], lowest); lowest > f.named[c.kind] {
		c.Codec = ""
	}
	c.keyframe = c.Type == flv.Keyframe && lowest == f.lowest[c.kind]
}

// dropped tells whether players should not get the message: they had it, or could not decode it.
func (f *Feed) dropped(c *classified, timestamp uint32) bool {
	video := c.kind == Video && c.media()
	switch {
	case c.header():
		f.hasVideo = f.hasVideo || c.kind == Video
		return false
	case f.awaiting && !c.keyframe:
		return true
	case video:
		f.hasVideo = true
		f.awaiting = false
		if c.Type == flv.Keyframe {
			f.keyed = f.keyed.Union(c.Tracks)
		}
	}
	if f.resuming[c.kind] {
		if f.timeline.had(c.kind, timestamp) {
			return true
		}
		f.resuming[c.kind] = false
	}
	if !video || f.keyed.Overlaps(c.Tracks) {
		return false
	}
	f.stream.hub.opts.Observer.Dropped(DropNoKeyframe, 1)
	return true
}

// place returns the timestamp that players get the message with, and what is wrong with its own.
func (f *Feed) place(c *classified, timestamp uint32, now int64) (ts uint32, d Discontinuity) {
	if c.kind == Data && c.header() {
		return f.timeline.metadata(timestamp), ""
	}
	ts, d = f.timeline.place(c.kind, c.media(), timestamp, now/int64(time.Millisecond))
	if d != "" {
		f.stream.hub.opts.Observer.Discontinuity(d)
	}
	return ts, d
}

// note keeps what later players and feeds need. Called with stream.mu held.
func (f *Feed) note(c *classified) {
	s := f.stream
	if c.header() {
		var l Limit
		if s.headers, l = s.headers.with(c); l != "" {
			s.hub.opts.Observer.Limit(l)
		}
	}
	if c.Codec != "" {
		s.codecs[c.kind] = c.Codec
	}
	s.timeline, s.hasVideo, f.delivered = f.timeline, f.hasVideo, true
	if f.timeline.resumable() { // from here on the publication can be resumed
		s.lastID = f.id
	}
}

// Detach ends the feed. Players stay for a while, to see the stream come back.
func (f *Feed) Detach() { f.stream.hub.detach(f, 0, EndUnpublished) }

// HandOver ends the feed of a publisher that another one replaces, here or on another worker. Players stay at least that long to see it come.
func (f *Feed) HandOver(within time.Duration) { f.stream.hub.detach(f, within, EndTakenOver) }
