package ctl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Health is how many workers answered a health check.
type Health struct {
	Workers int           // that were asked, and are of a server that runs
	Good    int           // that answered with 200
	Errors  map[int]error // of the others, by worker
}

// laggards is how long the others may take when one worker has answered, and it takes no more for the server to be healthy.
const laggards = 500 * time.Millisecond

// Healthz asks all workers at once whether they live, until ctx ends. Unless all must answer, the first that
// does leaves the others half a second.
func (c *Client) Healthz(ctx context.Context, all bool) *Health {
	return c.health(ctx, "/healthz", all)
}

// Readyz asks all workers whether they take connections, as Healthz does.
func (c *Client) Readyz(ctx context.Context, all bool) *Health { return c.health(ctx, "/readyz", all) }

func (c *Client) health(ctx context.Context, path string, all bool) *Health {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &Health{Workers: len(c.endpoints), Errors: map[int]error{}}
	var mu sync.Mutex // guards h
	var asked sync.WaitGroup
	for _, e := range c.endpoints {
		asked.Go(func() {
			err := c.probe(ctx, e, path)
			if errors.As(err, new(*StatusError)) { // other errors name the worker themselves
				err = fmt.Errorf("%s: %w", e.name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				h.Errors[e.worker] = err
				return
			}
			if h.Good++; h.Good == 1 && !all {
				time.AfterFunc(laggards, cancel)
			}
		})
	}
	asked.Wait()
	h.forgetDead()
	return h
}

// forgetDead leaves out sockets that nobody listens on, if others are listened on: they are of a server before this one, which was killed and had more
// workers. For a worker that has died its master listens.
func (h *Health) forgetDead() {
	dead := maps.Clone(h.Errors)
	maps.DeleteFunc(dead, func(_ int, err error) bool { return !gone(err) })
	if len(dead) == h.Workers {
		return
	}
	h.Workers -= len(dead)
	for worker := range dead {
		delete(h.Errors, worker)
	}
}

// Err is nil when enough workers are good: one, or all. It tells of each that isn't.
func (h *Health) Err(c *Client, all bool) error {
	if h.Good == h.Workers || h.Good > 0 && !all {
		return nil
	}
	answered := h.Good > 0
	errs := make([]error, 0, len(h.Errors))
	for _, worker := range slices.Sorted(maps.Keys(h.Errors)) {
		errs = append(errs, h.Errors[worker])
		answered = answered || errors.As(h.Errors[worker], new(*StatusError))
	}
	if answered {
		return errors.Join(errs...)
	}
	return c.silence(errs)
}
