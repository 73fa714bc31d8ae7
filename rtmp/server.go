package rtmp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// A ServerConn is the server end of a connection.
//
// One goroutine calls Next and Linger; every other method may be called from
// any goroutine. AcceptPublish and AcceptPlay answer an event of Next, and may
// be called while Next runs again.
type ServerConn struct {
	conn

	// Static after Accept.
	request     ConnectRequest
	transaction float64 // of `connect`

	// mu guards what follows. No write happens under it.
	mu         sync.Mutex
	connected  bool
	streams    []*serverStream // oldest first
	busy       int             // streams that are not idle
	publishing int             // streams that are publishing, which are busy as well
	deadline   readDeadline
}

// Accept takes nc over, does the server's part of the handshake and reads up
// to and including `connect`. The caller looks at ConnectRequest and then
// calls AcceptConnect or RejectConnect.
//
// On an error, nc is closed. If ctx ended, the error is ctx's; afterwards ctx
// has no meaning for the connection. io.EOF is in the error's chain if the
// peer closed without having sent anything.
func Accept(ctx context.Context, nc net.Conn, cfg *Config) (*ServerConn, error) {
	c := &ServerConn{}
	c.nc = nc
	release := c.guard(ctx)
	err := release(c.accept(nc, cfg.Complete()))
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *ServerConn) accept(nc net.Conn, cfg *Config) error {
	start := time.Now()
	if err := serverHandshake(nc, min(cfg.HandshakeTimeout, cfg.ConnectTimeout)); err != nil {
		return err
	}
	c.init(cfg)
	if err := nc.SetReadDeadline(start.Add(cfg.ConnectTimeout)); err != nil {
		return c.readError(err)
	}
	for {
		m, _, err := c.receive(true)
		if err != nil {
			return timedOut(err, ErrConnectTimeout)
		}
		switch {
		case isMedia(m.Type):
			err = c.stray()
		case m.Type == TypeCommand && len(m.Payload) > 0:
			var done bool
			if done, err = c.readConnect(&m); done {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// readConnect reads a command that came before `connect` was accepted. Any
// other than `connect` is ignored; done says that it was `connect`.
func (c *ServerConn) readConnect(m *Message) (done bool, err error) {
	cmd, err := parseCommand(m, c.cfg.amfLimits())
	if err != nil || cmd.name != "connect" {
		return false, err
	}
	object, err := cmd.arg()
	if err != nil {
		return false, err
	}
	properties, ok := asObject(object)
	if !ok {
		return false, fmt.Errorf("%w: connect with a %T for its object", ErrCommand, object)
	}
	c.transaction = cmd.transaction
	c.request = connectRequestFrom(properties)
	return true, nil
}

// connectRequestFrom reads the command object of `connect`.
func connectRequestFrom(properties amf0.Object) ConnectRequest {
	r := ConnectRequest{Properties: properties, Enhanced: capabilitiesFrom(properties)}
	app, _ := properties.String("app")
	r.TCURL, _ = properties.String("tcUrl")
	r.FlashVer, _ = properties.String("flashVer")
	r.ObjectEncoding, _ = properties.Number("objectEncoding")
	r.App, r.Query = cutQuery(app)
	r.App = strings.TrimRight(r.App, "/")
	if r.Query == "" {
		_, r.Query = cutQuery(r.TCURL)
	}
	return r
}

// ConnectRequest returns what the client's `connect` said.
func (c *ServerConn) ConnectRequest() *ConnectRequest { return &c.request }

// What `connect` is answered with. Clients look at the shape of the version,
// and some at the name.
const (
	serverVersion      = "FMS/3,0,1,123"
	serverCapabilities = 31
)

// AcceptConnect says yes to `connect`. From now on the peer has
// Config.CommandTimeout to publish or play. A client that announced
// Capabilities hears the server's.
func (c *ServerConn) AcceptConnect() error {
	properties := amf0.Object{
		{Key: "fmsVer", Value: serverVersion},
		{Key: "capabilities", Value: float64(serverCapabilities)},
	}
	info := append((&Status{
		Code:        CodeConnectSuccess,
		Description: "Connection succeeded.",
	}).object(), amf0.Property{Key: "objectEncoding", Value: float64(0)}) // AMF 0 is what we speak
	if announces(c.request.Properties) {
		// "An object … as one of the arguments", says the specification. Some
		// clients look into the one, some into the other.
		properties = append(properties, ownCapabilities.properties()...)
		info = append(info, ownCapabilities.properties()...)
	}
	result, err := newCommand(CSIDCommand, 0, "_result", c.transaction, properties, info)
	if err != nil {
		return err
	}
	if err := c.begin(); err != nil {
		return err
	}
	return c.send(
		protocolControl(TypeWindowAckSize, uint32(c.cfg.WindowAckSize)),
		setPeerBandwidth(uint32(c.cfg.WindowAckSize)),
		protocolControl(TypeSetChunkSize, uint32(c.cfg.ChunkSize)),
		userControl(userStreamBegin, 0),
		result,
	)
}

// begin makes the connection connected and starts the command timeout.
func (c *ServerConn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.connected {
		c.connected = true
		return c.readError(c.limitReading(time.Now()))
	}
	return nil
}

// RejectConnect says no to `connect`: s.Code is CodeConnectRejected if empty,
// s.Level always LevelError. The caller then calls Linger or Close.
func (c *ServerConn) RejectConnect(s Status) error {
	s.Level = LevelError
	if s.Code == "" {
		s.Code = CodeConnectRejected
	}
	reply, err := newCommand(CSIDCommand, 0, "_error", c.transaction, amf0.Null{}, s.object())
	if err != nil {
		return err
	}
	return c.send(reply)
}

// Next waits for the next event. It returns io.EOF when the peer closed the
// connection between two messages. After an error every further call returns
// the same; the caller closes the connection.
//
// While no stream publishes, plays, or waits for its acceptance, Next returns
// ErrCommandTimeout after Config.CommandTimeout. While one publishes, it
// returns ErrIdleTimeout when no media comes for Config.IdleTimeout, if there
// is one. Otherwise it waits as long as it takes: a caller who wants a limit
// sets a read deadline on NetConn after each event of kind EventPublish,
// EventPlay or EventMessage.
func (c *ServerConn) Next() (Event, error) {
	ev, _, err := c.event(true)
	return ev, err
}

// Poll is Next for what has arrived: ok is false when there is no event in that.
// It waits for nothing but the rest of a message that has begun. The caller then
// calls Wait, which together with Poll replaces Next where there are many
// connections that have next to nothing to say.
//
// Over a net.Conn that can't do without waiting, it is Next.
func (c *ServerConn) Poll() (ev Event, ok bool, err error) { return c.event(false) }

// Wait waits until there is something for Poll, an error included. Meanwhile
// the connection holds no read buffer. A goroutine that does nothing but Wait
// needs less stack than any that calls Next.
func (c *ServerConn) Wait() { c.rd.Wait() }

func (c *ServerConn) event(wait bool) (ev Event, ok bool, err error) {
	if c.err != nil {
		return ev, false, c.err
	}
	if !c.isConnected() {
		return ev, false, ErrNotConnected
	}
	ev, ok, err = c.next(wait)
	if err != nil {
		c.err = err
		return Event{}, false, err
	}
	return ev, ok, nil
}

func (c *ServerConn) next(wait bool) (ev Event, ok bool, err error) {
	for {
		if ev, ok := c.takePending(); ok {
			return ev, true, nil
		}
		part, ok, err := c.parts.next()
		if err != nil {
			return ev, false, err
		}
		if ok {
			return Event{Kind: EventMessage, StreamID: part.StreamID, Message: part}, true, nil
		}
		m, ok, err := c.receive(wait)
		if !ok {
			return ev, false, c.deadlineError(err)
		}
		switch {
		case isMedia(m.Type):
			deliver, err := c.media(&m)
			if err != nil {
				return ev, false, err
			}
			if deliver {
				return Event{Kind: EventMessage, StreamID: m.StreamID, Message: m}, true, nil
			}
		case m.Type == TypeCommand && len(m.Payload) > 0:
			if err := c.command(&m); err != nil {
				return ev, false, err
			}
		}
	}
}

// media decides about audio, video, data or an aggregate. deliver means that m
// is an event; an aggregate is none, its parts will be.
func (c *ServerConn) media(m *Message) (deliver bool, err error) {
	switch state := c.mediaArrived(m.StreamID); {
	case state == streamPublishAsked:
		c.messagesLost.Add(1) // sent in the hope of acceptance; the caller limits how long that takes
		return false, nil
	case state != streamPublishing:
		return false, c.stray()
	case m.Type == TypeAggregate:
		c.parts = newAggregate(m, c.cfg)
		return false, nil
	default:
		return true, nil
	}
}

// mediaArrived puts off the idle timeout if the stream publishes, and returns
// the stream's state.
func (c *ServerConn) mediaArrived(streamID uint32) streamState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(streamID)
	if s == nil {
		return streamIdle
	}
	if s.state == streamPublishing && c.cfg.IdleTimeout > 0 {
		c.postponeIdle(time.Now())
	}
	return s.state
}

func (c *ServerConn) isConnected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected
}
