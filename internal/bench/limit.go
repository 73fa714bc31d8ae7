package bench

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// LimitOptions describe a server that does nothing but send.
type LimitOptions struct {
	Players  int
	Bitrate  Bitrate
	Flush    time.Duration // one system call for each player and interval
	Mode     string        // send, writev or sendfile
	Duration time.Duration

	// Receiver makes the command that runs Receive with these arguments, in a process of its own.
	Receiver func(ctx context.Context, address, players string) *exec.Cmd
}

// Modes of sending.
const (
	ModeSend     = "send"
	ModeWritev   = "writev"
	ModeSendfile = "sendfile"
)

// A LimitResult is what sending cost.
type LimitResult struct {
	Players         int          `json:"players"`
	Mode            string       `json:"mode"`
	FlushMS         float64      `json:"flush_ms"`
	Bytes           int64        `json:"bytes"`
	Seconds         float64      `json:"seconds"`
	MbitPerSecond   float64      `json:"mbit_per_second"`
	Calls           int64        `json:"calls"`
	Short           int64        `json:"short"` // calls that a socket took only a part of: its receiver is too slow
	CPUSeconds      float64      `json:"cpu_seconds"`
	CPUPercent      float64      `json:"cpu_percent"`
	CPUSecondsPerGB float64      `json:"cpu_seconds_per_gb"`
	USPerCall       float64      `json:"us_per_call"`
	LateMS          *Percentiles `json:"late_ms"` // how late calls were: if ever later, this machine can't do it
}

// flushParts is in how many parts of the interval players are served.
const flushParts = 10

// limitWarmUp is how long is sent before measuring: windows open, memory is there.
const limitWarmUp = 500 * time.Millisecond

// Limit measures what the kernel takes for the same bytes to as many sockets on the loopback network, without any server's work.
func Limit(ctx context.Context, o LimitOptions) (*LimitResult, error) {
	if o.Players < 1 || o.Flush < time.Millisecond || o.Duration < o.Flush || o.bytesPerFlush() < 1 {
		return nil, fmt.Errorf("%w: there must be a player, an interval of 1 ms or more, and bytes in it", ErrOptions)
	}
	if err := needFiles(o.Players); err != nil {
		return nil, err
	}
	send, err := newSender(o.Mode, o.bytesPerFlush(), o.Flush)
	if err != nil {
		return nil, err
	}
	defer send.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fds, wait, err := connectReceiver(ctx, &o)
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		cancel()
		wait()
	}()
	if err != nil {
		return nil, err
	}
	if err := new(LimitResult).run(ctx, &o, send, fds, limitWarmUp); err != nil {
		return nil, err
	}
	r := &LimitResult{Players: o.Players, Mode: o.Mode, FlushMS: milliseconds(o.Flush)}
	if err := r.run(ctx, &o, send, fds, o.Duration); err != nil {
		return nil, err
	}
	r.rates()
	return r, nil
}

func (o *LimitOptions) bytesPerFlush() int { return int(float64(o.Bitrate) / 8 * o.Flush.Seconds()) }

// connectReceiver starts the receiving process, and waits until it has all its connections.
func connectReceiver(ctx context.Context, o *LimitOptions) (fds []int, wait func(), err error) {
	wait = func() {}
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, wait, err
	}
	defer func() { _ = l.Close() }()
	cmd := o.Receiver(ctx, l.Addr().String(), strconv.Itoa(o.Players))
	if err := cmd.Start(); err != nil {
		return nil, wait, fmt.Errorf("receiver: %w", err)
	}
	wait = func() { _ = cmd.Wait() } // it ends when its connections do, or is killed
	for range o.Players {
		if err := l.SetDeadline(time.Now().Add(connectTime)); err != nil {
			return fds, wait, err
		}
		nc, err := l.AcceptTCP()
		if err != nil {
			return fds, wait, fmt.Errorf("receiver: %w", err)
		}
		s, err := newSink(nc, "", 0, 0)
		if err != nil {
			return fds, wait, err
		}
		fds = append(fds, s.fd)
	}
	return fds, wait, nil
}

// run sends to each socket once in an interval, for so long.
func (r *LimitResult) run(ctx context.Context, o *LimitOptions, send sender, fds []int, duration time.Duration) error {
	var late histogram
	used, start := selfCPU(), time.Now()
	for part, due := 0, start; time.Since(start) < duration && ctx.Err() == nil; part = (part + 1) % flushParts {
		for wait := time.Until(due); wait > 0; wait = time.Until(due) { // signals end sleeps
			rawSleep(wait)
		}
		late.add(time.Since(due))
		due = due.Add(o.Flush / flushParts)
		if part == 0 {
			if err := send.fresh(); err != nil {
				return err
			}
		}
		for _, fd := range fds[len(fds)*part/flushParts : len(fds)*(part+1)/flushParts] {
			n, err := send.to(fd)
			if err != nil {
				return fmt.Errorf("%s: %w", o.Mode, err)
			}
			r.Calls++
			r.Bytes += int64(n)
			if n < o.bytesPerFlush() {
				r.Short++
			}
		}
	}
	r.Seconds, r.CPUSeconds, r.LateMS = time.Since(start).Seconds(), (selfCPU() - used).Seconds(), late.percentiles()
	return nil
}

// rates fills in what follows from the counts.
func (r *LimitResult) rates() {
	r.MbitPerSecond = float64(r.Bytes) * 8 / 1e6 / r.Seconds
	r.CPUPercent = 100 * r.CPUSeconds / r.Seconds
	r.CPUSecondsPerGB = r.CPUSeconds / max(float64(r.Bytes)/1e9, 1e-9)
	r.USPerCall = r.CPUSeconds * 1e6 / float64(max(r.Calls, 1))
}

// selfCPU is what this process has used.
func selfCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0 // never for oneself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Receive opens so many connections and discards what comes, until all have ended.
func Receive(ctx context.Context, address string, players int) error {
	if err := needFiles(players); err != nil {
		return err
	}
	t, err := parseTarget(ctx, "http://"+address, false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	open := players
	d := drain{ended: func(*sink, error) {
		if open--; open == 0 {
			cancel()
		}
	}}
	for i := range players {
		nc, err := t.dial(ctx, i)
		if err != nil {
			return err
		}
		s, err := newSink(nc, "", 0, 0)
		if err != nil {
			return err
		}
		d.add(s)
	}
	d.run(ctx)
	return nil
}
