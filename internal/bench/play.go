package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// PlayOptions say what to play, and by how many.
type PlayOptions struct {
	URLs     []string // rtmp://, rtmps://, http:// or ws://….flv: addresses of the same streams, players go to each in turn; {n} is the stream's number, from 0
	Streams  int      // 0 is 1
	Players  int      // besides stalled and joining ones
	Verify   int      // of the players; the others discard
	AnyStart bool     // a stream need not begin with a keyframe
	Stalled  int      // more players, which stop reading after they began
	JoinRate float64  // more players in a second, which leave when they have a keyframe
	Ramp     float64  // players that begin in a second; 0 is 200
	WarmUp   time.Duration
	Duration time.Duration // from when all play, and the warm-up is over
	Server   []int         // processes whose cost is measured, each with its children
	Anywhere bool
	Progress Progress
}

// A PlayResult is what players got from when all had begun.
type PlayResult struct {
	Players       int           `json:"players"`
	Connected     int           `json:"connected"` // whose play was accepted
	Playing       int           `json:"playing"`   // to which media came up to the end
	Failed        int           `json:"failed"`    // which did not begin
	Dropped       int           `json:"dropped"`   // whose connection ended early
	Bytes         int64         `json:"bytes"`
	Seconds       float64       `json:"seconds"`
	MbitPerSecond float64       `json:"mbit_per_second"`
	Verifying     int           `json:"verifying"`
	Messages      uint64        `json:"messages"` // that were verified
	Gaps          int           `json:"gaps"`     // each of one or more messages
	Missing       int64         `json:"missing"`  // messages
	Errors        int           `json:"errors"`   // wrong bytes, wrong order, and what else a verifying player should not see
	FirstErrors   []string      `json:"first_errors,omitempty"`
	JoinMS        *Percentiles  `json:"join_ms"`    // from connecting to the first keyframe
	LatencyMS     *Percentiles  `json:"latency_ms"` // from the publisher's writing
	Joins         int           `json:"joins"`
	Stalled       *StallResult  `json:"stalled,omitempty"`
	Server        *ServerResult `json:"server,omitempty"`
}

// A StallResult is what became of players that stopped reading.
type StallResult struct {
	Players int `json:"players"`
	Dropped int `json:"dropped"` // by the server
}

// A load is a run of Play.
type load struct {
	options PlayOptions
	targets []target
	verify  map[int]bool
	found   findings
	drain   drain
	stalls  stalls

	connected atomic.Int64
	failed    faults // players that did not begin
	dropped   faults // that were ended
	joins     atomic.Int64
	missing   atomic.Int64
	verifiers atomic.Int64
	silent    atomic.Int64 // verifying players to which nothing comes
	sinks     sinkList
	gone      context.CancelFunc // when no player is left
}

// Play plays until the duration is over or ctx ends. The error wraps ErrFound if a player saw what it should not.
func Play(ctx context.Context, o PlayOptions) (*PlayResult, error) {
	l, err := newLoad(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := needFiles(o.Players + o.Stalled + int(o.JoinRate*connectTime.Seconds())); err != nil {
		return nil, err
	}
	r, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	if problems := r.Errors + r.Gaps + r.Failed + r.Dropped; problems > 0 {
		return r, fmt.Errorf("%w: %d errors, %d gaps, %d players did not begin, %d were dropped", ErrFound, r.Errors, r.Gaps, r.Failed, r.Dropped)
	}
	return r, nil
}

func newLoad(ctx context.Context, o PlayOptions) (*load, error) {
	o.Streams = max(o.Streams, 1)
	if o.Ramp <= 0 {
		o.Ramp = 200
	}
	if o.Players < 1 || o.Verify < 0 || o.Stalled < 0 || o.JoinRate < 0 || o.Duration <= 0 || o.WarmUp < 0 || len(o.URLs) == 0 {
		return nil, fmt.Errorf("%w: there must be an address, a player and a duration", ErrOptions)
	}
	l := &load{options: o, verify: make(map[int]bool)}
	l.found.anyStart = o.AnyStart
	l.drain.ended = l.sinkEnded
	for _, u := range o.URLs {
		t, err := parseTarget(ctx, u, o.Anywhere)
		if err != nil {
			return nil, err
		}
		l.targets = append(l.targets, t)
	}
	verify := min(o.Verify, o.Players)
	for k := range verify { // evenly over all, so that they come at any time of the ramp
		l.verify[k*o.Players/verify] = true
	}
	return l, nil
}

// target is what player i plays: one stream after the other, each at one address after the other.
func (l *load) target(i int) target {
	number := i % l.options.Streams
	return l.targets[(i/l.options.Streams+number)%len(l.targets)].stream(number, l.options.Streams)
}

func (l *load) run(ctx context.Context) (*PlayResult, error) {
	server, err := watchServer(l.options.Server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	measured, gone := context.WithCancel(ctx)
	defer gone()
	l.gone = gone
	var running sync.WaitGroup
	running.Go(func() { l.drain.run(ctx) })
	defer l.stalls.close()
	l.rampUp(ctx, &running)
	l.options.Progress.until(measured, l.options.WarmUp, l.progress)
	running.Go(func() { l.keepJoining(ctx, &running) })
	r, err := l.measure(measured, server)
	cancel()
	running.Wait()
	if err != nil {
		return nil, err
	}
	r.Missing = l.missing.Load()
	return r, nil
}

// rampUp begins all players and waits until each has begun or failed.
func (l *load) rampUp(ctx context.Context, running *sync.WaitGroup) {
	var beginning sync.WaitGroup
	all := l.options.Players + l.options.Stalled
	ramp(ctx, all, l.options.Ramp, func(i int) {
		beginning.Add(1)
		running.Go(func() {
			p := &player{load: l, target: l.target(i), number: i, begun: sync.OnceFunc(beginning.Done)}
			defer p.begun()
			p.run(ctx)
		})
	})
	beginning.Wait()
}

// measure waits for the duration and tells what went on in it.
func (l *load) measure(ctx context.Context, server *serverWatch) (*PlayResult, error) {
	l.found.latency.reset()
	bytes, start := l.drain.bytes.Load(), time.Now()
	if err := server.begin(); err != nil {
		return nil, err
	}
	l.options.Progress.until(ctx, l.options.Duration, l.progress)
	passed := time.Since(start)
	o := &l.options
	r := &PlayResult{
		Players: o.Players, Connected: int(l.connected.Load()), Verifying: int(l.verifiers.Load()),
		Bytes: l.drain.bytes.Load() - bytes, Seconds: passed.Seconds(),
		Messages: l.found.latency.count(), Joins: int(l.joins.Load()),
		JoinMS: l.found.join.percentiles(), LatencyMS: l.found.latency.percentiles(),
	}
	r.MbitPerSecond = float64(r.Bytes) * 8 / 1e6 / r.Seconds
	l.problems(r)
	r.Playing = max(r.Connected-r.Dropped-l.sinks.silent()-int(l.silent.Load()), 0)
	var err error
	r.Server, err = server.end(r.Bytes, r.Playing, passed)
	if o.Stalled > 0 {
		r.Stalled = &StallResult{Players: o.Stalled, Dropped: l.stalls.dropped()}
	}
	return r, err
}

// problems fills in what went wrong.
func (l *load) problems(r *PlayResult) {
	var failed, dropped, gaps, errors []string
	r.Failed, failed = l.failed.told()
	r.Dropped, dropped = l.dropped.told()
	r.Gaps, gaps = l.found.gaps.told()
	r.Errors, errors = l.found.faults.told()
	r.FirstErrors = append(append(append(errors, gaps...), dropped...), failed...)
}

func (l *load) progress(seconds, left float64, last *int64) string {
	bytes := l.drain.bytes.Load()
	rate := float64(bytes-*last) * 8 / 1e6 / seconds
	*last = bytes
	errors, _ := l.found.faults.told()
	gaps, _ := l.found.gaps.told()
	dropped, _ := l.dropped.told()
	return fmt.Sprintf("%d/%d players, %.1f Mbit/s, latency p50 %.1f p99 %.1f ms, %d gaps, %d errors, %d dropped, %.0f s left",
		l.connected.Load(), l.options.Players, rate, milliseconds(l.found.latency.quantile(0.5)), milliseconds(l.found.latency.quantile(0.99)),
		gaps, errors, dropped, left)
}
