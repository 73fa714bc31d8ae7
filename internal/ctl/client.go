package ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
)

const (
	// hedge is how long a worker may take to say that it lives, before the next is asked, too.
	hedge = 200 * time.Millisecond
	// questionTime bounds one question to one worker, which itself waits for its siblings for a second.
	questionTime = 4 * time.Second
)

// A Client asks one server. Status is for one goroutine at a time, everything else for any.
type Client struct {
	place     string // for messages
	token     string
	endpoints []*endpoint  // by worker, at least one
	last      atomic.Int32 // index of the one that answered last: it is asked first
	runs      release      // what Status found out
}

// Close lets go of connections.
func (c *Client) Close() {
	for _, e := range c.endpoints {
		e.http.CloseIdleConnections()
	}
}

// Get asks a worker that lives, and decodes what it answers. When that one fails, others are asked, until ctx ends.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	for {
		e, err := c.alive(ctx)
		if err != nil {
			return err
		}
		err = c.ask(ctx, e, path, into)
		var refused *StatusError
		if err == nil || errors.As(err, &refused) || len(c.endpoints) == 1 || ctx.Err() != nil {
			return err
		}
		c.last.Store(int32((c.first() + 1) % len(c.endpoints)))
	}
}

func (c *Client) ask(ctx context.Context, e *endpoint, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	return c.send(ctx, e, http.MethodGet, path, into)
}

// Order has a worker that lives do something, and decodes what it answers. It is sent once. Errors: ErrUnknown.
func (c *Client) Order(ctx context.Context, method, path string, into any) error {
	e, err := c.alive(ctx)
	if err != nil {
		return err
	}
	err = c.send(ctx, e, method, path, into)
	var refused *StatusError
	if err == nil || errors.As(err, &refused) || gone(err) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrUnknown, e.name, err)
}

// first is the index of the one that is asked first.
func (c *Client) first() int { return int(c.last.Load()) }

// alive finds a worker that answers at once.
func (c *Client) alive(ctx context.Context) (*endpoint, error) {
	if c.endpoints[0].worker == elsewhere { // who answers there is not ours to choose
		return c.endpoints[0], nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer cancel()
	type answer struct {
		index int
		err   error
	}
	answers := make(chan answer, len(c.endpoints))
	next := time.NewTimer(0)
	defer next.Stop()
	first, begun, failed := c.first(), 0, 0
	var errs []error
	for failed < len(c.endpoints) {
		select {
		case <-next.C:
			if begun == len(c.endpoints) {
				continue // all are asked: wait
			}
			index := (first + begun) % len(c.endpoints)
			begun++
			asked.Go(func() { answers <- answer{index, c.probe(ctx, c.endpoints[index], "/healthz")} })
			next.Reset(hedge)
		case a := <-answers:
			if a.err == nil {
				c.last.Store(int32(a.index))
				return c.endpoints[a.index], nil
			}
			failed++
			errs = append(errs, a.err)
			next.Reset(0)
		case <-ctx.Done():
			return nil, c.silence(append(errs, errLate))
		}
	}
	return nil, c.silence(errs)
}

// silence says why no worker answers.
func (c *Client) silence(errs []error) error {
	ended := 0
	for _, err := range errs {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("%w: be the server's user, or root", err)
		case gone(err):
			ended++
		}
	}
	if ended == len(c.endpoints) {
		return fmt.Errorf("%w with %s: the one that did has ended", master.ErrNoServer, c.place)
	}
	return fmt.Errorf("%w in time, of %d with %s: see what they do with `rtmp-edge zone` and in the log: %w",
		ErrNoAnswer, len(c.endpoints), c.place, errs[len(errs)-1])
}

// gone reports whether nobody can have heard the request: nobody listens.
func gone(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// probe asks a worker for one of the two words that it says of itself alone.
func (c *Client) probe(ctx context.Context, e *endpoint, path string) error {
	return c.send(ctx, e, http.MethodGet, path, nil)
}
