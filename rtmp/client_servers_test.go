package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// scripted runs f as the server of a connection, after the handshake.
func scripted(t testing.TB, nc net.Conn, f func(p *peer)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if serverHandshake(nc, patience) == nil {
			f(&peer{t: t, nc: nc, rd: chunk.NewReader(nc, chunk.Limits{})})
		}
	}()
	t.Cleanup(func() { _ = nc.Close(); <-done })
}

// say writes messages, and does not care whether anybody is there.
func (p *peer) say(messages ...outgoing) { _, _ = p.nc.Write(frame(messages...)) }

// hear reads up to the next command, and returns its transaction id.
func (p *peer) hear() float64 {
	for {
		m, err := p.rd.ReadMessage()
		if err != nil {
			return 0
		}
		if m.Type == TypeCommand {
			id, _ := decodeAll(p.t, m.Payload)[1].(float64)
			return id
		}
	}
}

// TestOtherServers: what a server may answer besides what ours does.
func TestOtherServers(t *testing.T) {
	null := amf0.Null{}
	info := func(level, code string) amf0.Object { return (&Status{Level: level, Code: code}).object() }
	connectOK := cmd(0, "_result", 1, null, info(LevelStatus, CodeConnectSuccess))
	publish := func(c *ClientConn, ctx context.Context) error {
		_, err := c.Publish(ctx, "cam")
		return err
	}
	for _, tt := range []struct {
		name   string
		server func(p *peer, create float64) // answers createStream and publish
		want   func(error) bool
	}{
		{"stream id is a string", func(p *peer, create float64) {
			p.say(cmd(0, "_result", create, null, "1"))
		}, is(ErrReply)},
		{"stream id is negative", func(p *peer, create float64) {
			p.say(cmd(0, "_result", create, null, -1.0))
		}, is(ErrReply)},
		{"createStream refused without a reason", func(p *peer, create float64) {
			p.say(cmd(0, "_error", create, null))
		}, refusedWith(CodeCallFailed)},
		{"createStream refused, reason in the wrong place", func(p *peer, create float64) {
			p.say(cmd(0, "_error", create, info(LevelError, "No.No")))
		}, refusedWith("No.No")},
		{"stream 0, a status before, ECMA array, level missing", func(p *peer, create float64) {
			p.say(cmd(0, "_result", create-1, null), cmd(0, "_result", create, null, 0.0))
			p.hear()
			p.say(cmd(0, "onStatus", 0, null, info(LevelStatus, "NetStream.Something")),
				cmd(0, "onStatus", 0, null, amf0.ECMAArray{{Key: "code", Value: CodePublishStart}}))
		}, func(err error) bool { return err == nil }},
		{"refused with an _error", func(p *peer, create float64) {
			p.say(cmd(0, "_result", create, null, 1.0))
			p.say(cmd(0, "_error", p.hear(), null, info(LevelError, CodePublishDenied)))
		}, refusedWith(CodePublishDenied)},
		{"refused without level", func(p *peer, create float64) {
			p.say(cmd(0, "_result", create, null, 1.0))
			p.hear()
			p.say(cmd(1, "onStatus", 0, null, amf0.Object{{Key: "code", Value: CodePublishBadName}}))
		}, refusedWith(CodePublishBadName)},
		{"senseless statuses", func(p *peer, create float64) {
			p.say(cmd(0, "onStatus", 0), cmd(0, "onStatus", 0, null, "x"), cmd(0, "_result", create, null, 1.0))
			p.hear()
			p.say(cmd(1, "onStatus", 0, null, info(LevelStatus, CodePublishStart)))
		}, func(err error) bool { return err == nil }},
		{"the same stream id twice", func(p *peer, create float64) {
			p.say(cmd(0, "_result", create, null, 1.0))
			p.hear()
			p.say(cmd(1, "onStatus", 0, null, info(LevelStatus, CodePublishStart)))
			p.hear()
			p.hear()
			p.say(cmd(0, "_result", p.hear(), null, 1.0))
		}, func(err error) bool { return err == nil }},
		{"goes away", func(p *peer, _ float64) { _ = p.nc.Close() }, func(err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) || Kind(err) == "reset"
		}},
		{"stray media", func(p *peer, _ float64) {
			for range DefaultMaxStrayMessages + 1 {
				p.say(media(TypeVideo, 5, 0, "v"))
			}
		}, is(ErrStrayMedia)},
		{"flood", func(p *peer, _ float64) {
			for range 3 * DefaultCommandBurst {
				p.say(cmd(0, "onBWDone", 0))
			}
		}, is(ErrFlood)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			scripted(t, server, func(p *peer) {
				p.hear() // connect
				p.say(connectOK)
				p.hear() // releaseStream
				p.hear() // FCPublish
				tt.server(p, p.hear())
			})
			c := newClient(t, client)
			if err := publish(c, t.Context()); !tt.want(err) {
				t.Errorf("got %v (%s)", err, Kind(err))
			}
			if tt.name == "the same stream id twice" {
				if err := publish(c, t.Context()); !errors.Is(err, ErrReply) {
					t.Errorf("second publish: %v", err)
				}
			}
		})
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func refusedWith(code string) func(error) bool {
	return func(err error) bool {
		var refusal *StatusError
		return errors.As(err, &refusal) && refusal.Code == code
	}
}

// TestMediaBeforePlayStart: some servers are in a hurry. Nothing is lost.
func TestMediaBeforePlayStart(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times int
		want  error
	}{
		{"some", 100, nil},
		{"too much", maxBacklog + 1, ErrBacklog},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			scripted(t, server, func(p *peer) {
				p.say(cmd(0, "_result", p.hear(), amf0.Null{}))
				p.say(cmd(0, "_result", p.hear(), amf0.Null{}, 1.0))
				p.hear()
				for i := range tt.times {
					p.say(media(TypeVideo, 1, uint32(i), "v"))
				}
				p.say(cmd(1, "onStatus", 0, amf0.Null{}, (&Status{Code: CodePlayStart}).object()))
			})
			c := newClient(t, client)
			if _, err := c.Play(t.Context(), "cam"); !errors.Is(err, tt.want) {
				t.Fatalf("Play: %v", err)
			}
			if tt.want != nil {
				return
			}
			for i := range tt.times {
				if ev, err := c.Next(); err != nil || ev.Message.Timestamp != uint32(i) {
					t.Fatalf("message %d: %s, %v", i, describe(&ev), err)
				}
			}
		})
	}
}
