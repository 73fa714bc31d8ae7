package rtmp

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// clientVersion is what we call ourselves. Some servers answer clients whose
// name does not start like this with fewer features.
const clientVersion = "FMLE/3.0 (compatible; rtmp-edge)"

// A ClientConn is the client end of a connection.
//
// One goroutine calls Publish, Play, Next and Linger; every other method may
// be called from any goroutine. Somebody should call Next even if a publisher
// has no interest in its events: it answers pings and notices the end.
type ClientConn struct {
	conn

	// Owned by the reading goroutine.
	transaction float64 // id of the last command that has one
	backlog     int     // bytes of media in pending
	pong        func(number uint32)

	// mu guards what follows. No write happens under it.
	mu      sync.Mutex
	streams map[uint32]*clientStream
}

// A clientStream is a message stream of a ClientConn. Guarded by its mu.
type clientStream struct {
	name   string
	plays  bool // else it publishes
	closed bool // by Unpublish; what is still on its way is dropped
}

// NewClient takes nc over and does the handshake and `connect`. On an error,
// nc is closed: a *StatusError if the server refuses, ctx's error if ctx
// ended, ErrHandshakeTimeout or ErrConnectTimeout if the server is slow.
// Afterwards ctx has no meaning for the connection.
//
// Of req, App should be set; TCURL and FlashVer have defaults; Query is
// appended to the application; Enhanced is announced; Properties may add
// properties, or replace those that are sent by themselves.
func NewClient(ctx context.Context, nc net.Conn, req ConnectRequest, cfg *Config) (*ClientConn, error) {
	c := &ClientConn{streams: make(map[uint32]*clientStream)}
	c.nc = nc
	release := c.guard(ctx)
	err := release(c.connect(&req, cfg.Complete()))
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *ClientConn) connect(req *ConnectRequest, cfg *Config) error {
	start := time.Now()
	if err := clientHandshake(c.nc, min(cfg.HandshakeTimeout, cfg.ConnectTimeout)); err != nil {
		return err
	}
	c.init(cfg)
	if err := c.nc.SetReadDeadline(start.Add(cfg.ConnectTimeout)); err != nil {
		return c.readError(err)
	}
	c.transaction = 1 // RTMP 1.0 §7.2.1.1
	request, err := newCommand(CSIDCommand, 0, "connect", c.transaction, connectObject(req))
	if err != nil {
		return err
	}
	// The chunk size comes first, so that `connect` itself is in one chunk.
	if err := c.send(protocolControl(TypeSetChunkSize, uint32(cfg.ChunkSize)), request); err != nil {
		return err
	}
	if _, err := c.waitResult(c.transaction); err != nil {
		return timedOut(err, ErrConnectTimeout)
	}
	if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
		return c.readError(err)
	}
	return c.send(protocolControl(TypeWindowAckSize, uint32(cfg.WindowAckSize)))
}

// connectObject makes the command object of `connect` (RTMP 1.0 §7.2.1.1).
func connectObject(req *ConnectRequest) amf0.Object {
	app, tcURL, flashVer := req.App, req.TCURL, req.FlashVer
	if req.Query != "" {
		app += "?" + req.Query
	}
	if tcURL == "" {
		tcURL = scheme + "localhost/" + app
	}
	if flashVer == "" {
		flashVer = clientVersion
	}
	o := amf0.Object{
		{Key: "app", Value: app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: flashVer},
		{Key: "tcUrl", Value: tcURL},
	}
	o = append(o, req.Enhanced.properties()...)
	kept := o[:0:0]
	for _, p := range o {
		if _, replaced := req.Properties.Get(p.Key); !replaced {
			kept = append(kept, p)
		}
	}
	return append(kept, req.Properties...)
}

// Next waits for the next event: media of a stream that plays, an onStatus, or
// the end of a stream's media. It returns io.EOF when the server closed the
// connection between two messages. After an error every further call returns
// the same; the caller closes the connection.
//
// Next waits as long as it takes: a caller who wants a limit sets read
// deadlines on NetConn.
func (c *ClientConn) Next() (Event, error) {
	if ev, ok := c.takePending(); ok {
		c.backlog -= len(ev.Message.Payload)
		return ev, nil
	}
	for {
		ev, _, err := c.step()
		if err != nil {
			return Event{}, err
		}
		if ev.Kind != 0 {
			return ev, nil
		}
	}
}

// step reads until there is an event, or a command that is none: an answer to
// one of ours.
func (c *ClientConn) step() (Event, *command, error) {
	if c.err != nil {
		return Event{}, nil, c.err
	}
	ev, cmd, err := c.read()
	if err != nil {
		c.err = err
	}
	return ev, cmd, err
}

func (c *ClientConn) read() (Event, *command, error) {
	for {
		if part, ok, err := c.parts.next(); err != nil {
			return Event{}, nil, err
		} else if ok {
			return Event{Kind: EventMessage, StreamID: part.StreamID, Message: part}, nil, nil
		}
		m, _, err := c.receive(true)
		if err != nil {
			return Event{}, nil, err
		}
		switch {
		case isMedia(m.Type):
			deliver, err := c.media(&m)
			if err != nil {
				return Event{}, nil, err
			}
			if deliver {
				return Event{Kind: EventMessage, StreamID: m.StreamID, Message: m}, nil, nil
			}
		case m.Type == TypeUserControl:
			event, number, ok := parseUserControl(m.Payload)
			switch {
			case ok && event == userStreamEOF:
				return Event{Kind: EventStreamEOF, StreamID: number}, nil, nil
			case ok && event == userPingResponse && c.pong != nil:
				c.pong(number)
			}
		case len(m.Payload) > 0:
			return c.command(&m)
		}
	}
}

// media decides about audio, video, data or an aggregate. deliver means that m
// is an event; an aggregate is none, its parts will be.
func (c *ClientConn) media(m *Message) (deliver bool, err error) {
	c.mu.Lock()
	s := c.streams[m.StreamID]
	wanted := s != nil && s.plays && !s.closed
	late := s != nil && s.closed
	c.mu.Unlock()
	switch {
	case late:
		c.messagesLost.Add(1)
		return false, nil
	case !wanted:
		return false, c.stray()
	case m.Type == TypeAggregate:
		c.parts = newAggregate(m, c.cfg)
		return false, nil
	default:
		return true, nil
	}
}

// command turns an onStatus into an event, and returns other commands as they
// are.
func (c *ClientConn) command(m *Message) (Event, *command, error) {
	cmd, err := parseCommand(m, c.cfg.amfLimits())
	if err != nil || cmd.name != "onStatus" {
		return Event{}, cmd, err
	}
	var object, info any
	if err := cmd.args(&object, &info); err != nil {
		return Event{}, nil, err
	}
	status, ok := statusFrom(info)
	if !ok {
		return Event{}, cmd, nil
	}
	return Event{Kind: EventStatus, StreamID: m.StreamID, Status: &status}, nil, nil
}
