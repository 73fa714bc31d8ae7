package worker

import (
	"context"
	"errors"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const (
	// takeoverTime is how long a publisher waits for the one before it to give way. Players stay for longer: see relay.HandOverTime.
	takeoverTime = 5 * time.Second
	// takeoverPause is the pause before an owner is asked again that had given up already, or did not answer.
	takeoverPause = 5 * time.Millisecond
)

// takeOver claims a stream whose publisher has to give way, on whichever worker it is. The zone decides as ever: the name is free for a moment, and
// exactly one claim gets it; a third publisher that does is asked to give way in turn.
func (s *session) takeOver(key string) (claim streamzone.Claim, feed *live.Feed, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, takeoverTime)
	defer cancel()
	result := metrics.TakeoverFailed
	defer func() { s.w.metrics.Takeovers.WithLabelValues(result).Inc() }()
	for ctx.Err() == nil {
		e, ok, err := s.w.zone.Lookup(key)
		if err != nil {
			return claim, feed, err
		}
		if ok && !s.w.askToGiveUp(ctx, key, e) {
			select {
			case <-time.After(takeoverPause): // the owner is about to end, or unreachable; the zone rings for claims only
			case <-ctx.Done():
			}
		}
		claim, feed, err = s.w.claim(key)
		if err == nil {
			result = metrics.TakeoverOK
		}
		if !errors.Is(err, streamzone.ErrTaken) {
			return claim, feed, err
		}
	}
	if s.ctx.Err() == nil {
		result = metrics.TakeoverTimeout
	}
	return claim, feed, streamzone.ErrTaken
}

// askToGiveUp makes the publication's owner end it, and returns when its name is free.
func (w *Worker) askToGiveUp(ctx context.Context, key string, e streamzone.Entry) (released bool) {
	if e.Slot == w.start.Slot {
		return w.giveUp(ctx, key, e.ID.String())
	}
	released, err := api.TakeOver(ctx, w.group, e.Slot, key, e.ID.String()) // a slot has the number of its worker
	if err != nil {
		w.log.Debug("takeover", logging.Stream, key, "owner", e.Slot, logging.Error, err)
	}
	return released
}

// giveUp ends a publication of this worker for another publisher's sake, and returns when its name is free.
func (w *Worker) giveUp(ctx context.Context, key, id string) bool {
	p := w.publication(key)
	if p == nil || p.claim.ID().String() != id {
		return false
	}
	p.session.ended(live.EndTakenOver)
	select {
	case <-p.over:
		return true
	case <-ctx.Done():
		return false
	}
}
