package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// firstProbe is when a silent worker is asked for the first time whether it lives, as a share of Options.Timeout.
const firstProbe = 4

// An attempt is one request of a proxy to its worker. It is the http.RoundTripper that watches over the worker's silence.
type attempt struct {
	// static
	proxy  *proxy
	base   http.RoundTripper
	caller context.Context // of the client's request
	ctx    context.Context // of this one; ends with the caller's, with the group, and with cancel
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards what follows
	timer   *time.Timer
	turn    int           // counts who was waited for: a look in the turn of another finds nothing
	silent  time.Duration // of the worker, in this turn
	begun   bool          // the answer has begun, or won't: nobody is waited for any more
	reading error         // what reading the client's body failed with
}

// RoundTrip implements http.RoundTripper.
func (a *attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = &watchedBody{req.Body, a}
	}
	a.await()
	res, err := a.base.RoundTrip(req)
	if a.answered(); err != nil {
		return nil, err
	}
	if a.ctx.Err() != nil { // a moment too late
		_ = res.Body.Close()
		return nil, context.Cause(a.ctx)
	}
	return res, nil
}

// patience is how long the worker may be silent from now on before somebody looks.
func (a *attempt) patience() time.Duration {
	o := &a.proxy.opts
	if o.Probe == "" {
		return o.Timeout
	}
	every := a.proxy.group.opts.Timeout
	if a.silent == 0 {
		every /= firstProbe
	}
	return max(0, min(every, o.Timeout-a.silent))
}

// await begins to watch: it is for the worker to do something.
func (a *attempt) await() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun {
		return
	}
	a.turn++
	a.silent = 0
	a.watch()
}

// watch starts the timer; mu is held.
func (a *attempt) watch() {
	turn, d := a.turn, a.patience()
	a.timer = time.AfterFunc(d, func() { a.look(turn, d) })
}

// pause stops watching: it is for the client to do something.
func (a *attempt) pause() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	a.timer.Stop()
}

// answered stops watching for good.
func (a *attempt) answered() {
	a.pause()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun = true
}

// look is called by the timer when the worker has been silent for another d.
func (a *attempt) look(turn int, d time.Duration) {
	start := time.Now()
	if a.waited(turn, d) >= a.proxy.opts.Timeout {
		a.giveUp(turn, fmt.Errorf("%w: silent for %v", ErrTimeout, a.proxy.opts.Timeout))
		return
	}
	probe := a.proxy.group.DoOne(a.ctx, a.proxy.worker, Request{Path: a.proxy.opts.Probe})
	if probe.Err != nil {
		a.giveUp(turn, probe.Err)
		return
	}
	a.waited(turn, time.Since(start))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn == turn {
		a.watch()
	}
}

// waited counts another d of silence and returns all of this turn.
func (a *attempt) waited(turn int, d time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn == turn {
		a.silent += d
	}
	return a.silent
}

// giveUp ends the request, unless the worker has done something in the meantime.
func (a *attempt) giveUp(turn int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn == turn {
		a.cancel(err)
	}
}

// explain turns an error of httputil or net/http into one of this package's.
func (a *attempt) explain(err error) error {
	a.mu.Lock()
	reading := a.reading
	a.mu.Unlock()
	if reading != nil && a.ctx.Err() == nil {
		return fmt.Errorf("%w: its body: %w", ErrBadRequest, reading)
	}
	return a.proxy.group.explain(a.caller, a.ctx, err)
}

// A watchedBody is the body of a client's request on its way to the worker. While it is read, the client is waited for, not the worker.
type watchedBody struct {
	io.ReadCloser
	attempt *attempt
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.attempt.pause()
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.attempt.mu.Lock()
		b.attempt.reading = err
		b.attempt.mu.Unlock()
	}
	b.attempt.await()
	return n, err
}
