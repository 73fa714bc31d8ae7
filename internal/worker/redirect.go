package worker

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

var (
	errElsewhere = errors.New("the client does something else by now")
	errBusy      = errors.New("the client is being redirected")
)

// Redirect implements api.DropIn.
func (l local) Redirect(ctx context.Context, clients []api.Client, name string) (moved int, err error) {
	sessions := map[string]*session{}
	for _, m := range l.w.members() {
		if s, ok := m.(*session); ok && !s.private {
			sessions[s.id] = s
		}
	}
	var waiting []*move
	for i := range clients {
		c := &clients[i]
		s := sessions[c.Session]
		if s == nil {
			continue
		}
		from := c.App + "/" + c.Name
		to, e := names.Key(c.App, name, l.w.cfg().StreamZone.NameMax)
		switch {
		case e != nil:
		case to == from:
			moved++
		case c.Publishes:
			var m *move
			if m, e = s.orderMove(ctx, from, to); e == nil {
				waiting = append(waiting, m)
			}
		default:
			if e = s.redirectPlayer(from, to); e == nil {
				moved++
			}
		}
		if e != nil {
			err = e // the last will do: there may be thousands
		}
	}
	for _, m := range waiting {
		if e := m.wait(ctx); e != nil {
			err = e
			continue
		}
		moved++
	}
	return moved, err
}

// A redirection is what a session plays next. It is ordered by another goroutine, begins when the fan-out has bidden the old player farewell,
// and is over when that one has ended: between two messages, with all that the old stream had when it was ordered.
type redirection struct {
	key    string
	player *live.Player // nil until the farewell
}

// redirectPlayer has a session that plays one stream play another one.
func (s *session) redirectPlayer(from, to string) error {
	p := s.player.Load()
	s.mu.Lock()
	switch {
	case p == nil || s.gone || s.ending != "" || s.stream != from:
		s.mu.Unlock()
		return errElsewhere
	case s.then != nil:
		s.mu.Unlock()
		return errBusy
	}
	next := &redirection{key: to}
	s.then = next
	s.mu.Unlock()
	p.End(live.EndRedirected)
	s.mu.Lock()
	defer s.mu.Unlock()
	if next.player == nil { // it ends for another reason
		s.then = nil
		return errElsewhere
	}
	return nil
}

// announce is the farewell of a player that another one follows: nothing, for StreamEOF ends some clients. What the session says from here on goes to
// the next one, first of all that a stream begins.
func (s *session) announce(sink live.Sink, streamID uint32) {
	s.mu.Lock()
	next := s.then
	s.mu.Unlock()
	p := s.newPlayer(sink, next.key, streamID)
	s.conn.SetControlWriter(p.Control)
	_ = p.Control(streamBegin(streamID))
	text := "Redirected to " + next.key + "."
	_ = s.conn.WriteStatus(streamID, rtmp.Status{Code: rtmp.CodePlayReset, Description: text})
	_ = s.conn.WriteStatus(streamID, rtmp.Status{Code: rtmp.CodePlayStart, Description: text})
	s.mu.Lock()
	next.player = p
	s.mu.Unlock()
}

// streamBegin is the message that a stream begins (RTMP 1.0 §7.1.7).
func streamBegin(streamID uint32) []byte {
	m := rtmp.Message{Type: rtmp.TypeUserControl, Payload: binary.BigEndian.AppendUint32([]byte{0, 0}, streamID)}
	return rtmp.AppendMessage(nil, rtmp.CSIDControl, rtmp.DefaultChunkSize, &m)
}

// redirected is called by the fan-out when the old player has ended: the next takes its place, unless the session ends.
func (s *session) redirected() {
	s.mu.Lock()
	next, ending := s.then, s.ending
	s.then = nil
	s.mu.Unlock()
	if ending == "" && !s.follow(next) {
		ending = live.EndShutdown
	}
	if ending != "" {
		s.countPlay(ending)
		s.ended(ending)
		return
	}
	s.log.Info("player redirected", logging.Session, s.id, logging.Stream, next.key)
}

// follow reports false when the hub takes no players any more.
func (s *session) follow(next *redirection) bool {
	s.concern(next.key)
	s.setState(metrics.StateWaiting)
	next.player.Follow(s.player.Load())
	if s.w.hub.Play(next.key, next.player) != nil {
		return false
	}
	s.player.Store(next.player)
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	if gone { // who ended the session may have done so with the old player
		next.player.Leave()
	}
	return true
}
