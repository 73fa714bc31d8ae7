package ctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
)

const (
	// drainLook is how long a drain waits between two looks.
	drainLook = time.Second
	// drainTime bounds an order to one worker: the API gives up after a second.
	drainTime = 5 * time.Second
)

// SetDrain has every worker take no more connections, or take them again. It tries all, and returns what failed.
func (c *Client) SetDrain(ctx context.Context, on bool) error {
	var now api.WorkersAnswer
	if err := c.Get(ctx, "/api/v1/workers", &now); err != nil {
		return err
	}
	return errors.Join(append(missed(&now), c.setDrain(ctx, &now, on)...)...)
}

// missed lists the workers that did not answer.
func missed(now *api.WorkersAnswer) []error {
	errs := make([]error, 0, len(now.Errors))
	for _, e := range now.Errors {
		errs = append(errs, fmt.Errorf("worker %d: %s", e.Worker, printable(e.Detail)))
	}
	return errs
}

// setDrain has those workers change that are not as they should be.
func (c *Client) setDrain(ctx context.Context, now *api.WorkersAnswer, on bool) (errs []error) {
	for i := range now.Workers {
		w := &now.Workers[i]
		if w.State == api.WorkerEnding || on == (w.State == api.WorkerDraining) {
			continue
		}
		method, query := http.MethodDelete, ""
		if on {
			method, query = http.MethodPut, "?force=true" // the last one, too
		}
		within, cancel := context.WithTimeout(ctx, drainTime)
		var answer api.DrainAnswer
		err := c.Order(within, method, fmt.Sprintf("/api/v1/workers/%d/drain%s", w.Worker, query), &answer)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("worker %d: %w", w.Worker, err))
			continue
		}
		w.State = answer.State
	}
	return errs
}

// A DrainState is how far a drain has come.
type DrainState struct {
	Workers    int // that there should be
	Draining   int // that take no connections
	Publishers int
	Players    int
	Silent     []error // workers that did not answer, or could not be drained
}

// done reports whether all are drained, and nobody is left.
func (s *DrainState) done() bool {
	return len(s.Silent) == 0 && s.Draining == s.Workers && s.Publishers+s.Players == 0
}

// Drain drains all workers, and those that are started meanwhile, until no publisher and no player is left, which two looks in a row must see: a
// connection may just have begun. It tells of each look. A server that ends meanwhile is done. Errors: ErrLeft at the end of ctx.
func (c *Client) Drain(ctx context.Context, tell func(*DrainState)) error {
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	var state *DrainState // nil before the first look
	for quiet := 0; quiet < 2; {
		begun := time.Now()
		next, err := c.drainOnce(ctx)
		switch {
		case err == nil:
			state = next
			tell(state)
		case state == nil:
			return err
		case errors.Is(err, master.ErrNoServer):
			return nil
		case ctx.Err() != nil && time.Since(begun) < drainLook: // the time was up in the middle of this look: that is nobody's fault
		default: // all hang; perhaps not for long
			state.Silent = []error{err}
		}
		quiet++
		if !state.done() {
			quiet = 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(append([]error{fmt.Errorf("%w: %d publish, %d play", ErrLeft, state.Publishers, state.Players)}, state.Silent...)...)
		}
	}
	return nil
}

// drainOnce drains those that are not draining, and counts.
func (c *Client) drainOnce(ctx context.Context) (*DrainState, error) {
	var now api.WorkersAnswer
	if err := c.Get(ctx, "/api/v1/workers", &now); err != nil {
		return nil, err
	}
	s := &DrainState{Workers: now.Expected, Silent: append(missed(&now), c.setDrain(ctx, &now, true)...)}
	for i := range now.Workers {
		w := &now.Workers[i]
		if w.State != api.WorkerReady {
			s.Draining++
		}
		s.Publishers += w.Publishers
		s.Players += w.Players
	}
	return s, nil
}
