package worker

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/httpplay"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
)

// A viewer is a connection that plays over HTTP, from its request to its end.
type viewer struct {
	connection

	// static
	nc      *transport.Conn
	out     outlet      // on nc
	header  http.Header // of every answer
	format  format      // what it gets from a pipe; nil if the fan-out serves it by itself
	pipe    *live.Pipe  // with format
	release func()      // gives back its place

	heard      atomic.Uint64 // bytes that came behind the request
	unplayable atomic.Bool   // nothing of the stream is for its format
}

// own makes a connection the viewer's, before anybody else knows of the viewer.
func (v *viewer) own(nc net.Conn, o *transport.Options) error {
	v.nc, v.remote = transport.Wrap(nc, false, o), remoteOf(nc)
	sink, err := v.nc.Sink()
	if err != nil {
		_ = nc.Close()
		return err
	}
	v.out.sink = sink
	if v.format != nil {
		v.pipe = live.NewPipe(pipeSize, v.out.acquired)
	}
	return nil
}

func (v *viewer) run() {
	defer v.w.sessions.Done()
	defer v.release()
	err := guarded(v.serve)
	ending := v.endedBy()
	reason := reasonOf(ending, err)
	if p := v.player.Load(); p != nil {
		p.Leave()
	}
	if _, ordered := farewells[ending]; ordered {
		v.linger()
	}
	_ = v.nc.Close()
	v.w.left(v)
	v.finish(reason, err)
}

// serve plays until the end of the stream or of the peer.
func (v *viewer) serve() error {
	o := live.PlayOptions{Format: live.FormatFLV, Ended: v.ended}
	if v.format == nil {
		return v.direct(o)
	}
	return v.piped(o)
}

// play adds the viewer to its stream.
func (v *viewer) play(p *live.Player) error {
	if err := v.w.hub.Play(v.stream, p); err != nil {
		v.dismiss(live.EndShutdown)
		return refused{metrics.CloseShutdown, err}
	}
	v.player.Store(p)
	return nil
}

// dismiss answers who did not get anything yet.
func (v *viewer) dismiss(r live.EndReason) {
	if v.format != nil {
		v.format.dismiss(r)
		return
	}
	_, _ = v.out.Write(v.refusal(r)) // a fresh socket has room
}

// refusal is the answer to who waited for a stream in vain.
func (v *viewer) refusal(r live.EndReason) []byte {
	status := http.StatusServiceUnavailable
	if r == live.EndNotFound {
		status = http.StatusNotFound
	}
	return httpplay.Refusal(status, farewells[r], v.header, time.Now())
}

// How much a peer may send that should only listen, in bytes: so many, and more with time, for pings.
const (
	maxHeard   = 64 << 10
	heardBurst = maxHeard
	heardRate  = 256 // in a second
)

var errTalks = errors.New("the peer sends, instead of playing")

// Read reads what the peer sends. Nothing of that has a use but its end, and what package websocket answers.
func (v *viewer) Read(b []byte) (int, error) {
	n, err := v.nc.Read(b)
	if v.heard.Add(uint64(n)) > heardBurst+heardRate*uint64(time.Since(v.begun)/time.Second) {
		return 0, refused{metrics.CloseProtocol, errTalks}
	}
	return n, err
}

// hear returns when the peer has left.
func (v *viewer) hear() error {
	few := make([]byte, 64)
	for {
		if _, err := v.Read(few); err != nil {
			return err
		}
	}
}

// hush makes the goroutine that hears the peer return.
func (v *viewer) hush() { _ = v.nc.SetReadDeadline(time.Unix(1, 0)) } // it only fails if reading does, too

// linger lets what was written last arrive.
func (v *viewer) linger() {
	if v.nc.CloseWrite() == nil && v.nc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, v.nc)
	}
}

// ended is called by the fan-out when nothing is written any more.
func (v *viewer) ended(r live.EndReason) {
	if v.unplayable.Load() {
		v.w.metrics.Plays.WithLabelValues(v.protocol, metrics.PlayError).Inc()
	} else {
		v.countPlay(r)
	}
	v.endWith(r)
	if v.format == nil {
		v.hush()
	} else {
		v.endPipe(r)
	}
}

// end implements member.
func (v *viewer) end(r live.EndReason) {
	if p := v.player.Load(); p != nil && r != live.EndShutdown {
		p.End(r)
	}
}

// cut implements member.
func (v *viewer) cut() { _ = v.nc.Cut() }

// traffic implements member.
func (v *viewer) traffic() (in, out, messages uint64) {
	if p := v.player.Load(); p != nil && v.format != nil {
		// What the pipe took counts as written by the fan-out. It became something else on its way: the sum of both is what the socket took.
		out = v.out.written.Load() - p.Sent()
	}
	return v.heard.Load(), out, 0
}

// reasonOf classifies the end of a viewer.
func reasonOf(ending live.EndReason, err error) string {
	var r refused
	switch {
	case ending != "":
		return closeReasons[ending]
	case errors.As(err, new(panicked)):
		return metrics.ClosePanic
	case errors.As(err, &r):
		return r.reason
	case silent(err):
		return metrics.CloseLost
	}
	return metrics.CloseGone
}

// finish counts the viewer's end, and tells it in one line.
func (v *viewer) finish(reason string, err error) {
	if reason == metrics.CloseProtocol {
		v.w.metrics.ProtocolErrors.WithLabelValues(metrics.ErrorKind(err)).Inc()
	}
	level := slog.LevelInfo
	var more []any
	switch reason {
	case metrics.ClosePanic:
		level = slog.LevelError
		fallthrough
	case metrics.CloseProtocol, metrics.CloseInternal, metrics.CloseLost, metrics.CloseRefused:
		more = append(more, logging.Error, err)
	}
	v.w.report(v, level, reason, more...)
}
