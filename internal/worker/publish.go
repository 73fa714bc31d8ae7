package worker

import (
	"errors"
	"fmt"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
	"github.com/rtmp-edge/rtmp-edge/relay"
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
	over     chan struct{} // closed when its name is free
}

// publish claims the stream's name for this worker, and makes the session its source.
func (s *session) publish(r *rtmp.PublishRequest) error {
	fault(r.Name)
	if s.private {
		return s.refusePublish(r, metrics.PublishDenied, rtmp.CodePublishDenied, "private sockets are for relays")
	}
	key, err := names.Key(s.conn.ConnectRequest().App, r.Name, s.w.cfg().StreamZone.NameMax)
	if err != nil {
		return s.refusePublish(r, metrics.PublishBadName, rtmp.CodePublishBadName, err.Error())
	}
	plays := s.player.Load() != nil
	if !plays { // who plays stays what it is: it is found by the stream that it plays, whatever it publishes, or tries to
		s.concern(key)
	}
	policy := s.w.policy(key)
	if err := s.authorize(sign.Publish, policy.PublishSecret, key, r.Query); err != nil {
		return s.refusePublish(r, metrics.PublishDenied, rtmp.CodePublishDenied, err.Error())
	}
	claim, feed, err := s.acquire(key, policy.OnConflict)
	if !errors.As(err, new(hastyError)) { // the zone was not asked
		s.w.metrics.ZoneClaims.WithLabelValues(claimResult(err)).Inc()
	}
	if err != nil {
		return s.refuseClaim(r, key, err)
	}
	p := &publication{session: s, key: key, streamID: r.StreamID, since: time.Now(), claim: claim, feed: feed, over: make(chan struct{})}
	s.publications[r.StreamID] = p
	s.w.setPublisher(p)
	if !plays {
		s.become(metrics.RolePublisher)
		s.setState(metrics.StatePublishing)
	}
	s.w.metrics.Publishes.WithLabelValues(metrics.PublishOK).Inc()
	s.log.Info("publishing", logging.Stream, key, logging.Remote, s.remote, logging.Client, s.client)
	return s.conn.AcceptPublish(r.StreamID)
}

// A hastyError refuses a name that is published and given up in a loop.
type hastyError struct{ wait time.Duration }

// Error implements error; the text is for the client.
func (e hastyError) Error() string {
	return fmt.Sprintf("This stream is published too often: try again in %v.", e.wait.Round(time.Millisecond))
}

// acquire claims a stream, from its publisher if the app says so. What is only refused does not count as publishing: who hammers at a taken name
// must not keep its owner from coming back.
func (s *session) acquire(key string, conflict config.OnConflict) (streamzone.Claim, *live.Feed, error) {
	own := s.w.publication(key)
	takeOver := conflict == config.Takeover && (own == nil || own.session != s)
	if !takeOver && s.w.published(key) {
		return streamzone.Claim{}, nil, streamzone.ErrTaken
	}
	if wait, ok := s.w.publishes.Allow(key); !ok {
		return streamzone.Claim{}, nil, hastyError{wait}
	}
	claim, feed, err := s.w.claim(key)
	if takeOver && errors.Is(err, streamzone.ErrTaken) {
		return s.takeOver(key)
	}
	return claim, feed, err
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
	defer close(p.over)
	w.publishing.Lock()
	defer w.publishing.Unlock()
	if p.session.endedBy() == live.EndTakenOver {
		p.feed.HandOver(relay.HandOverTime)
	} else {
		p.feed.Detach()
	}
	w.dropPublisher(p) // nobody is to be asked for it any more
	w.zone.Release(p.claim)
}

// unpublish ends a publication.
func (s *session) unpublish(streamID uint32, p *publication) {
	delete(s.publications, streamID)
	s.w.release(p)
	if len(s.publications) == 0 && s.player.Load() == nil {
		s.setState(metrics.StateConnected)
	}
	s.log.Debug("unpublished", logging.Stream, p.key, logging.Remote, s.remote, logging.Duration, time.Since(p.since).Round(time.Millisecond))
}

func (s *session) refusePublish(r *rtmp.PublishRequest, result, code, text string) error {
	s.w.metrics.Publishes.WithLabelValues(result).Inc()
	s.refusal = result
	return s.conn.WriteStatus(r.StreamID, rtmp.Status{Level: rtmp.LevelError, Code: code, Description: text})
}

// refuseClaim tells a publisher why it can't have the name, and what it can do about that.
func (s *session) refuseClaim(r *rtmp.PublishRequest, key string, err error) error {
	switch {
	case errors.As(err, new(hastyError)):
		return s.refusePublish(r, metrics.PublishBackoff, rtmp.CodePublishFailed, err.Error())
	case errors.Is(err, streamzone.ErrTaken):
		return s.refusePublish(r, metrics.PublishTaken, rtmp.CodePublishBadName,
			"Stream "+key+" is being published already: choose another name, or try again when it has ended.")
	case errors.Is(err, streamzone.ErrFull):
		s.w.warnFull("stream_zone.streams")
		return s.refusePublish(r, metrics.PublishZoneFull, rtmp.CodePublishFailed, "The server has no room for another stream: try again later.")
	case errors.Is(err, streamzone.ErrBucketFull):
		s.w.warnFull("stream_zone.buckets")
		return s.refusePublish(r, metrics.PublishZoneFull, rtmp.CodePublishFailed,
			"The server has no room for this name: choose another, or try again later.")
	case errors.Is(err, streamzone.ErrNameEmpty), errors.Is(err, streamzone.ErrNameTooLong):
		return s.refusePublish(r, metrics.PublishBadName, rtmp.CodePublishBadName, "The name is empty or too long: choose another.")
	default:
		s.log.Error("claim failed", logging.Stream, key, logging.Error, err)
		return s.refusePublish(r, metrics.PublishError, rtmp.CodePublishFailed, "The server can't take the stream: try again later.")
	}
}

// warnFull tells the operator what to raise; of many alike, few are logged.
func (w *Worker) warnFull(limit string) {
	if unsaid, ok := w.quiet.Allow(limit); ok {
		w.log.Warn("publishers are refused: the stream zone is full", "limit", limit, "unsaid", unsaid)
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

// publication returns the stream's publication on this worker, or nil.
func (w *Worker) publication(key string) *publication {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.publishers[key]
}
