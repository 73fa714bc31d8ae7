package rtmp

import (
	"slices"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// command deals with a command of a connected peer. What its user must know
// becomes a pending event.
//
// Nothing is answered that no client waits for. In particular, releaseStream,
// FCPublish, FCSubscribe, getStreamLength, _checkbw, pause and all unknown
// commands are ignored: an _error to any of them makes some clients give up.
func (c *ServerConn) command(m *Message) error {
	cmd, err := parseCommand(m, c.cfg.amfLimits())
	if err != nil {
		return err
	}
	switch cmd.name {
	case "createStream":
		return c.createStream(cmd)
	case "publish":
		return c.publish(cmd)
	case "play":
		return c.play(cmd)
	case "closeStream", "deleteStream", "FCUnpublish":
		return c.endStream(cmd)
	case "seek":
		return c.seek(cmd)
	default:
		return nil
	}
}

// createStream answers with the number of a new message stream (RTMP 1.0
// §7.2.1.3).
func (c *ServerConn) createStream(cmd *command) error {
	c.mu.Lock()
	id, ok := c.createStreamLocked()
	c.mu.Unlock()
	var reply outgoing
	var err error
	if ok {
		reply, err = newCommand(CSIDCommand, 0, "_result", cmd.transaction, amf0.Null{}, float64(id))
	} else {
		c.refused.Add(1)
		refusal := Status{Level: LevelError, Code: CodeCallFailed, Description: "Too many streams."}
		reply, err = newCommand(CSIDCommand, 0, "_error", cmd.transaction, amf0.Null{}, refusal.object())
	}
	if err != nil {
		return err
	}
	return c.send(reply)
}

// publish reads `publish name [type]` (RTMP 1.0 §7.2.2.6).
func (c *ServerConn) publish(cmd *command) error {
	var object, name, kind any
	if err := cmd.args(&object, &name, &kind); err != nil {
		return err
	}
	raw, _ := name.(string)
	p := &PublishRequest{StreamID: cmd.streamID, Type: "live"}
	p.Name, p.Query = cutQuery(raw)
	if s, ok := kind.(string); ok && s != "" {
		p.Type = s
	}
	if !c.ask(cmd.streamID, streamPublishAsked, raw) {
		return c.refuse(cmd.streamID, CodePublishFailed)
	}
	c.pending = append(c.pending, Event{Kind: EventPublish, StreamID: cmd.streamID, Publish: p})
	return nil
}

// play reads `play name [start [duration [reset]]]` (RTMP 1.0 §7.2.2.1). Any
// of the optional arguments may be null.
func (c *ServerConn) play(cmd *command) error {
	var object, name, start, duration, reset any
	if err := cmd.args(&object, &name, &start, &duration, &reset); err != nil {
		return err
	}
	raw, _ := name.(string)
	p := &PlayRequest{StreamID: cmd.streamID, Start: -2, Duration: -1, Reset: true}
	p.Name, p.Query = cutQuery(raw)
	if v, ok := start.(float64); ok {
		p.Start = v
	}
	if v, ok := duration.(float64); ok {
		p.Duration = v
	}
	switch v := reset.(type) {
	case bool:
		p.Reset = v
	case float64:
		p.Reset = v != 0
	}
	if !c.ask(cmd.streamID, streamPlayAsked, raw) {
		return c.refuse(cmd.streamID, CodePlayFailed)
	}
	c.pending = append(c.pending, Event{Kind: EventPlay, StreamID: cmd.streamID, Play: p})
	return nil
}

// ask puts a stream into the state of asking to publish or play. What it did
// before ends. A stream that was never created is created now, because not
// every client waits for, or understands, the answer to createStream. It
// reports false when there are too many.
func (c *ServerConn) ask(id uint32, state streamState, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(id)
	switch {
	case s == nil && len(c.streams) >= c.cfg.MaxStreams:
		return false
	case s == nil:
		s = c.addLocked(id)
	case s.state != streamIdle:
		c.setStateLocked(s, streamIdle)
		c.pending = append(c.pending, Event{Kind: EventCloseStream, StreamID: id})
	}
	c.setStateLocked(s, state)
	s.name = name
	return true
}

// refuse says no to a publish or play without asking the user.
func (c *ServerConn) refuse(streamID uint32, code string) error {
	c.refused.Add(1)
	status, err := newStatus(streamID, Status{Level: LevelError, Code: code, Description: "Too many streams."})
	if err != nil {
		return err
	}
	return c.send(status)
}

// endStream ends what a stream does. closeStream keeps the stream, for another
// publish or play, and so does FCUnpublish, after which clients send
// deleteStream or nothing. None of them has an answer (RTMP 1.0 §7.2.2.3).
func (c *ServerConn) endStream(cmd *command) error {
	var object, target any
	if err := cmd.args(&object, &target); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.findLocked(cmd.streamID, target, cmd.name == "FCUnpublish")
	if !ok {
		return nil
	}
	s := c.streamLocked(id)
	publishes := s.state == streamPublishAsked || s.state == streamPublishing
	if cmd.name == "FCUnpublish" && !publishes {
		return nil
	}
	if s.state != streamIdle {
		c.setStateLocked(s, streamIdle)
		c.pending = append(c.pending, Event{Kind: EventCloseStream, StreamID: id})
	}
	if cmd.name == "deleteStream" {
		c.streams = slices.DeleteFunc(c.streams, func(other *serverStream) bool { return other == s })
	}
	return nil
}

// seek cannot be done in a live stream. It is confirmed to a player, because
// some drop all media until it is, and refusing it would end them.
func (c *ServerConn) seek(cmd *command) error {
	c.mu.Lock()
	s := c.streamLocked(cmd.streamID)
	playing := s != nil && s.state == streamPlaying
	c.mu.Unlock()
	if !playing {
		return nil
	}
	status, err := newStatus(cmd.streamID, Status{Code: CodeSeekNotify, Description: "Live stream goes on."})
	if err != nil {
		return err
	}
	return c.send(status)
}
