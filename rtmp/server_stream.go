package rtmp

import (
	"fmt"
	"time"
)

// A serverStream is a message stream of a ServerConn. Guarded by its mu.
type serverStream struct {
	id    uint32
	state streamState
	name  string // as the peer wrote it, with query
}

type streamState uint8

// A stream becomes idle by createStream. What a peer asks for must be accepted
// before media flows.
const (
	streamIdle streamState = iota
	streamPublishAsked
	streamPublishing
	streamPlayAsked
	streamPlaying
)

// AcceptPublish says yes to an EventPublish: StreamBegin and
// NetStream.Publish.Start. From now on Next returns the stream's messages.
// ErrNoStream means that the peer has closed the stream meanwhile.
//
// It is best called by the reading goroutine, before it calls Next again: for
// a Next that waits already, Config.MaxIdleInFlight still limits the message
// that it is waiting for.
func (c *ServerConn) AcceptPublish(streamID uint32) error {
	start, err := newStatus(streamID, Status{Code: CodePublishStart, Description: "Publish started."})
	if err != nil {
		return err
	}
	if err := c.promote(streamID, streamPublishAsked, streamPublishing); err != nil {
		return err
	}
	c.roomy.Store(true)
	return c.send(userControl(userStreamBegin, streamID), start)
}

// AcceptPlay says yes to an EventPlay: StreamBegin, NetStream.Play.Reset and
// NetStream.Play.Start. Players lose media that is sent before it.
// ErrNoStream means that the peer has closed the stream meanwhile.
func (c *ServerConn) AcceptPlay(p *PlayRequest) error {
	reset, err := newStatus(p.StreamID, Status{Code: CodePlayReset, Description: "Playlist reset."})
	if err != nil {
		return err
	}
	start, err := newStatus(p.StreamID, Status{Code: CodePlayStart, Description: "Play started."})
	if err != nil {
		return err
	}
	if err := c.promote(p.StreamID, streamPlayAsked, streamPlaying); err != nil {
		return err
	}
	return c.send(userControl(userStreamBegin, p.StreamID), reset, start)
}

// promote moves a stream from one state to another.
func (c *ServerConn) promote(streamID uint32, from, to streamState) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(streamID)
	if s == nil || s.state != from {
		return fmt.Errorf("%w: %d", ErrNoStream, streamID)
	}
	c.deadline.commandBy = time.Time{}
	c.setStateLocked(s, to)
	return nil
}

// WriteStatus writes an onStatus on a message stream. With LevelError it
// refuses the publish or play that the stream asks for: the peer may then ask
// again on it, within what is left of Config.CommandTimeout.
func (c *ServerConn) WriteStatus(streamID uint32, s Status) error {
	status, err := newStatus(streamID, s)
	if err != nil {
		return err
	}
	if s.Level == LevelError {
		c.mu.Lock()
		if st := c.streamLocked(streamID); st != nil && (st.state == streamPublishAsked || st.state == streamPlayAsked) {
			c.setStateLocked(st, streamIdle)
		}
		c.mu.Unlock()
	}
	return c.send(status)
}

// WriteStreamEOF tells the peer that a stream's media has ended (RTMP 1.0
// §7.1.7).
func (c *ServerConn) WriteStreamEOF(streamID uint32) error {
	return c.send(userControl(userStreamEOF, streamID))
}

// setStateLocked changes a stream's state. What limits reading changes with it
// or, where a stream begins to publish, starts anew; nothing else that a peer
// asks for puts off the idle timeout. An error shows in the next read. The
// caller holds mu.
func (c *ServerConn) setStateLocked(s *serverStream, state streamState) {
	was, before := s.state, c.limit()
	s.state = state
	c.busy += count(state != streamIdle) - count(was != streamIdle)
	c.publishing += count(state == streamPublishing) - count(was == streamPublishing)
	if state == streamIdle {
		s.name = ""
	}
	if after := c.limit(); after != before || after == limitIdle && state == streamPublishing {
		_ = c.limitReading(time.Now())
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// createStreamLocked makes a message stream with the lowest free id, from 1
// on: some clients refuse 0. ok is false when there are too many. The caller
// holds mu.
func (c *ServerConn) createStreamLocked() (id uint32, ok bool) {
	if len(c.streams) >= c.cfg.MaxStreams {
		return 0, false
	}
	for id = 1; c.streamLocked(id) != nil; id++ {
	}
	c.addLocked(id)
	return id, true
}

// streamLocked returns the message stream with that id, or nil. There are a few
// at most. The caller holds mu.
func (c *ServerConn) streamLocked(id uint32) *serverStream {
	for _, s := range c.streams {
		if s.id == id {
			return s
		}
	}
	return nil
}

// addLocked makes a message stream, which there is not yet. The caller holds mu.
func (c *ServerConn) addLocked(id uint32) *serverStream {
	s := &serverStream{id: id}
	c.streams = append(c.streams, s)
	return s
}

// findLocked returns the id of the stream that a deleteStream, closeStream or
// FCUnpublish means, target being its argument. Clients send a number, the
// stream's name, or nothing, on the message stream itself or on stream 0. A
// name that no stream has means none if byName says so. ok is false if it can
// mean none. The caller holds mu.
func (c *ServerConn) findLocked(on uint32, target any, byName bool) (id uint32, ok bool) {
	switch v := target.(type) {
	case float64:
		if v != 0 { // 0 says nothing; and NaN is found nowhere
			for _, s := range c.streams {
				if float64(s.id) == v {
					return s.id, true
				}
			}
			return 0, false
		}
	case string:
		for _, s := range c.streams {
			if name, _ := cutQuery(s.name); s.state != streamIdle && (v == s.name || v == name) {
				return s.id, true
			}
		}
		if byName && v != "" {
			return 0, false
		}
	}
	if c.streamLocked(on) != nil {
		return on, true
	}
	return c.onlyBusyLocked()
}

// onlyBusyLocked returns the stream that is not idle, if there is exactly one.
// The caller holds mu.
func (c *ServerConn) onlyBusyLocked() (id uint32, ok bool) {
	if c.busy != 1 {
		return 0, false
	}
	for _, s := range c.streams {
		if s.state != streamIdle {
			return s.id, true
		}
	}
	return 0, false
}
