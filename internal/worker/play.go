package worker

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
	"github.com/rtmp-edge/rtmp-edge/relay"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// play makes the session a player. From here on the fan-out writes to its socket, and everything else goes through the player.
func (s *session) play(r *rtmp.PlayRequest) error {
	if s.player.Load() != nil {
		return s.refusePlay(r, metrics.PlayError, rtmp.CodePlayFailed, "This connection plays a stream already.")
	}
	key, err := names.Key(s.conn.ConnectRequest().App, r.Name, s.w.cfg().StreamZone.NameMax)
	if err != nil {
		return s.refusePlay(r, metrics.PlayBadName, rtmp.CodePlayStreamNotFound, err.Error())
	}
	s.concern(key)
	if err := s.authorize(sign.Play, s.w.policy(key).PlaySecret, key, r.Query); err != nil {
		return s.refusePlay(r, metrics.PlayDenied, rtmp.CodePlayFailed, err.Error())
	}
	if !s.private {
		s.become(metrics.RolePlayer)
		return s.join(key, r)
	}
	if here, err := s.joinOwned(key, r); here {
		return err
	}
	return s.refusePlay(r, metrics.PlayNotFound, rtmp.CodePlayStreamNotFound, "That publication is not here.")
}

// joinOwned is join for a relay, if the publication that it asks for is here: then it stays here meanwhile.
func (s *session) joinOwned(key string, r *rtmp.PlayRequest) (here bool, err error) {
	s.w.publishing.RLock()
	defer s.w.publishing.RUnlock()
	if !s.owns(key) {
		return false, nil
	}
	return true, s.join(key, r)
}

// join hands the socket over to the fan-out. It does not block: the acceptance is the first that the fan-out writes.
func (s *session) join(key string, r *rtmp.PlayRequest) error {
	sink, err := s.nc.Sink()
	if err != nil {
		return refused{metrics.CloseInternal, err}
	}
	player := s.newPlayer(sink, key, r.StreamID)
	s.conn.SetControlWriter(player.Control)
	if err := s.conn.AcceptPlay(r); err != nil {
		return err
	}
	s.setState(metrics.StateWaiting)
	if err := s.w.hub.Play(key, player); err != nil {
		return refused{metrics.CloseShutdown, err}
	}
	s.player.Store(player)
	s.log.Debug("playing", logging.Stream, key, logging.Remote, s.remote, "relay", s.private)
	return nil
}

// newPlayer returns a player that is not in the hub yet. What outlives the request to play must not keep it.
func (s *session) newPlayer(sink live.Sink, key string, streamID uint32) *live.Player {
	role := metrics.RolePlayer // s.role is not for other goroutines
	if s.private {
		role = metrics.RoleRelay
	}
	sent := s.w.metrics.sent(s.protocol, role)
	return live.NewPlayer(live.PlayOptions{
		Sink: sink, StreamID: streamID, Relay: s.private,
		Sent:    func(bytes int) { sent.Add(float64(bytes)) },
		Started: func(wait time.Duration) { s.joined(key, wait) },
		Farewell: func(reason live.EndReason) {
			if reason == live.EndRedirected {
				s.announce(sink, streamID)
				return
			}
			s.farewell(streamID, reason)
		},
		Ended: func(reason live.EndReason) {
			if reason == live.EndRedirected {
				s.redirected()
				return
			}
			s.countPlay(reason)
			if s.private && reason == live.EndTakenOver {
				reason = live.EndUnpublished // it is the publisher that was taken over
			}
			s.ended(reason)
		},
	})
}

// owns tells whether the publication that a relay asks for is on this worker.
func (s *session) owns(key string) bool {
	e, ok, err := s.w.zone.Lookup(key)
	return err == nil && ok && e.Slot == s.w.start.Slot && e.ID == s.relayed
}

func (s *session) refusePlay(r *rtmp.PlayRequest, result, code, text string) error {
	s.w.metrics.Plays.WithLabelValues(s.protocol, result).Inc()
	s.refusal = result
	return s.conn.WriteStatus(r.StreamID, rtmp.Status{Level: rtmp.LevelError, Code: code, Description: text})
}

// farewell tells a player why it ends; the words go through its control queue.
func (s *session) farewell(streamID uint32, r live.EndReason) {
	if s.private && r == live.EndTakenOver {
		_ = s.conn.WriteStatus(streamID, rtmp.Status{Code: relay.CodeTakenOver, Description: farewells[r]})
		return
	}
	if r == live.EndNotFound {
		_ = s.conn.WriteStatus(streamID, rtmp.Status{Level: rtmp.LevelError, Code: rtmp.CodePlayStreamNotFound, Description: farewells[r]})
		return
	}
	s.suggestReconnect(r)
	_ = s.conn.WriteStreamEOF(streamID)
	_ = s.conn.WriteStatus(streamID, rtmp.Status{Code: rtmp.CodePlayUnpublishNotify, Description: farewells[r]})
}
