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

// Timestamp is that of the newest message that the player was given; ok is false before the first. The player has been in Hub.Play.
func (p *Player) Timestamp() (ts uint32, ok bool) {
	if !p.started.Load() {
		return 0, false
	}
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	at := p.position.Load()
	v := view{log: s.log}
	switch {
	case len(v.packet) == 0:
		return s.meter.stamp, s.meter.framed
	case at <= v.oldest():
		return v.packet[0].timestamp, true
	}
	return v.packet[v.packetAt(at-1)].timestamp, true
}

// avSync is how far video is ahead of audio, as players get them; 0 unless there are both. Called with mu held.
func (s *Stream) avSync() int32 {
	video, audio := &s.timeline.pace[Video], &s.timeline.pace[Audio]
	if !video.framed || !audio.framed {
		return 0
	}
	return int32(video.last - audio.last)
}

// Follow has the player go on counting where another one ended, on the same connection. It is called before Hub.Play.
func (p *Player) Follow(ended *Player) {
	given, dropped := ended.Frames()
	p.sent.Store(ended.Sent())
	p.frames.Store(given)
	p.dropped.Store(dropped)
	p.earlier = given
}
