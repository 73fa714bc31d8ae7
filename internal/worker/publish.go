package worker

import (
	"errors"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A publication is one stream that a session publishes. Static.
type publication struct {
	session  *session
	key      string
	streamID uint32
	since    time.Time
	claim    streamzone.Claim
	feed     *live.Feed
}

// publish claims the stream's name for this worker, and makes the session its source.
func (s *session) publish(r *rtmp.PublishRequest) error {
	if s.private {
		return s.refusePublish(r, metrics.PublishDenied, rtmp.CodePublishDenied, "private sockets are for relays")
	}
	key, err := streamKey(s.conn.ConnectRequest().App, r.Name, s.w.start.Config.StreamZone.NameMax)
	if err != nil {
		return s.refusePublish(r, metrics.PublishBadName, rtmp.CodePublishBadName, err.Error())
	}
	s.stream = key
	claim, feed, err := s.w.claim(key)
	s.w.metrics.ZoneClaims.WithLabelValues(claimResult(err)).Inc()
	if err != nil {
		return s.refuseClaim(r, key, err)
	}
	p := &publication{session: s, key: key, streamID: r.StreamID, since: time.Now(), claim: claim, feed: feed}
	s.publications[r.StreamID] = p
	s.w.setPublisher(p)
	s.role = metrics.RolePublisher
	s.setState(metrics.StatePublishing)
	s.w.metrics.Publishes.WithLabelValues(metrics.PublishOK).Inc()
	s.log.Info("publishing", logging.Stream, key, logging.Remote, s.remote, "client", s.conn.ConnectRequest().FlashVer)
	return s.conn.AcceptPublish(r.StreamID)
}

// claim makes a stream ours, and feeds it: for the relays of siblings, both at once.
func (w *Worker) claim(key string) (streamzone.Claim, *live.Feed, error) {
	w.publishing.Lock()
	defer w.publishing.Unlock()
	claim, err := w.zone.Claim(key)
	if err != nil {
		return claim, nil, err
	}
	feed, err := w.hub.Publish(key, claim.ID().String())
	if err != nil {
		w.zone.Release(claim)
	}
	return claim, feed, err
}

// release gives a stream up: first its relays are told, then the name is free.
func (w *Worker) release(p *publication) {
	w.publishing.Lock()
	defer w.publishing.Unlock()
	p.feed.Detach()
	w.zone.Release(p.claim)
}

// unpublish ends a publication.
func (s *session) unpublish(streamID uint32, p *publication) {
	delete(s.publications, streamID)
	s.w.release(p)
	s.w.dropPublisher(p)
	if len(s.publications) == 0 && s.player.Load() == nil {
		s.setState(metrics.StateConnected)
	}
	s.log.Info("unpublished", logging.Stream, p.key, logging.Remote, s.remote, logging.Duration, time.Since(p.since).Round(time.Millisecond))
}

func (s *session) refusePublish(r *rtmp.PublishRequest, result, code, text string) error {
	s.w.metrics.Publishes.WithLabelValues(result).Inc()
	s.log.Info("publish refused", logging.Remote, s.remote, logging.Reason, result, "app", s.conn.ConnectRequest().App, "name", r.Name, "text", text)
	return s.conn.WriteStatus(r.StreamID, rtmp.Status{Level: rtmp.LevelError, Code: code, Description: text})
}

func (s *session) refuseClaim(r *rtmp.PublishRequest, key string, err error) error {
	switch {
	case errors.Is(err, streamzone.ErrTaken):
		return s.refusePublish(r, metrics.PublishTaken, rtmp.CodePublishBadName, "Stream "+key+" is being published already.")
	case errors.Is(err, streamzone.ErrFull), errors.Is(err, streamzone.ErrBucketFull):
		return s.refusePublish(r, metrics.PublishZoneFull, rtmp.CodePublishFailed, "The server has no room for another stream.")
	default:
		s.log.Error("claim failed", logging.Stream, key, logging.Error, err)
		return s.refusePublish(r, metrics.PublishError, rtmp.CodePublishFailed, "The server can't take the stream.")
	}
}

// claimResult is a claim's outcome as the metrics' label.
func claimResult(err error) string {
	switch {
	case err == nil:
		return metrics.ClaimOK
	case errors.Is(err, streamzone.ErrTaken):
		return metrics.ClaimTaken
	case errors.Is(err, streamzone.ErrFull):
		return metrics.ClaimFull
	case errors.Is(err, streamzone.ErrBucketFull):
		return metrics.ClaimBucketFull
	case errors.Is(err, streamzone.ErrNameEmpty), errors.Is(err, streamzone.ErrNameTooLong):
		return metrics.ClaimBadName
	case errors.Is(err, streamzone.ErrSlotClosed), errors.Is(err, streamzone.ErrClosed):
		return metrics.ClaimClosed
	default:
		return metrics.ClaimError
	}
}

// The worker's list of its publishers.

func (w *Worker) setPublisher(p *publication) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.publishers[p.key] = p
	w.metrics.Streams.WithLabelValues(metrics.StreamOwner).Set(float64(len(w.publishers)))
}

func (w *Worker) dropPublisher(p *publication) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.publishers[p.key] == p {
		delete(w.publishers, p.key)
	}
	w.metrics.Streams.WithLabelValues(metrics.StreamOwner).Set(float64(len(w.publishers)))
}

// publicationsOf lists what a session publishes.
func (w *Worker) publicationsOf(s *session) []*publication {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*publication
	for _, p := range w.publishers {
		if p.session == s {
			out = append(out, p)
		}
	}
	return out
}
