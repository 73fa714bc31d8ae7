package live

import "github.com/rtmp-edge/rtmp-edge/rtmp"

// Inherit gives the stream what the publisher of another one sent once, at its beginning: metadata and sequence headers. So the publisher can go on
// with this stream in the middle of that one: players get what comes from the next keyframe on; without video, all that comes. It is called by who
// appends to both, before the first Append.
func (f *Feed) Inherit(from *Feed) (err error) {
	f.hasVideo, f.awaiting = from.hasVideo, from.hasVideo
	s := from.stream
	s.mu.Lock()
	h := s.headers
	s.mu.Unlock()
	anyTime := func(Kind) uint32 { return 0 } // as encoders do: see timeline.place
	h.each(anyTime, func(k Kind, at uint32, payload []byte) {
		if err == nil {
			err = f.Append(&rtmp.Message{Type: messageTypes[k], Timestamp: at, Payload: payload})
		}
	})
	return err
}

// Follow has the player go on counting where another one ended, on the same connection. It is called before Hub.Play.
func (p *Player) Follow(ended *Player) {
	given, dropped := ended.Frames()
	p.sent.Store(ended.Sent())
	p.frames.Store(given)
	p.dropped.Store(dropped)
	p.earlier = given
}
