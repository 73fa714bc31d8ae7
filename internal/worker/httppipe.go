package worker

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// A format is what becomes of FLV on its way to a viewer. The fan-out writes to a pipe, and a goroutine of the viewer's own takes it from there, so
// that no other player waits for what that takes.
type format interface {
	// carry brings to the peer what comes out of the pipe, until its end, and then says why it ends.
	carry(from *live.Pipe) error
	// hear returns when the peer has left.
	hear() error
	// dismiss ends it before it plays.
	dismiss(r live.EndReason)
}

// pipeSize is how much a viewer may be behind its pipe's beginning, besides what its socket holds, in bytes.
const pipeSize = 256 << 10

// piped plays through a pipe.
func (v *viewer) piped(o live.PlayOptions) error {
	v.out.sent = v.w.metrics.sent(v.protocol, metrics.RolePlayer)
	o.Sink = v.pipe
	if err := v.play(live.NewPlayer(o)); err != nil {
		return err
	}
	carried := make(chan error, 1)
	go func() {
		carried <- guarded(func() error { return v.format.carry(v.pipe) })
		v.hush()
	}()
	err := v.format.hear()
	defer v.pipe.Close()
	select {
	case why := <-carried:
		if why != nil {
			return why
		}
	default: // the peer has left
		v.pipe.Close()
		v.cut()
		<-carried //nolint:errcheck // that it was cut
	}
	return err
}

// endPipe ends who plays through a pipe: behind what is in there, if the peer is to have that. It has as long for it as it may take nothing.
func (v *viewer) endPipe(r live.EndReason) {
	if _, ordered := farewells[r]; ordered {
		v.pipe.End()
		time.AfterFunc(v.w.cfg().Live.StallTimeout, v.cut)
		return
	}
	v.pipe.Close()
	v.cut()
}

// begin notes that the peer gets media from now on.
func (v *viewer) begin() { v.joined(v.stream, time.Since(v.begun)) }

// An outlet writes to a socket, and waits where that is full until somebody cuts it. One goroutine at a time may write.
type outlet struct {
	sink live.Sink
	sent prometheus.Counter // of bytes; nil counts none

	written atomic.Uint64
	pieces  [2][]byte // owned by who writes: here, so that a write allocates nothing
}

// Write implements io.Writer.
func (o *outlet) Write(b []byte) (int, error) { return o.writev(nil, b) }

// writev writes two pieces as one.
func (o *outlet) writev(first, second []byte) (n int, err error) {
	o.pieces = [...][]byte{first, second}
	defer func() { o.pieces = [2][]byte{} }()
	for {
		k, err := o.sink.TryWritev(o.pieces[:])
		o.note(k)
		n += k
		if err != nil || n == len(first)+len(second) {
			return n, err
		}
		for i, piece := range o.pieces {
			had := min(k, len(piece))
			o.pieces[i] = piece[had:]
			k -= had
		}
		if err := o.sink.WaitWritable(time.Time{}); err != nil {
			return n, err
		}
	}
}

func (o *outlet) note(bytes int) {
	o.written.Add(uint64(bytes))
	if o.sent != nil {
		o.sent.Add(float64(bytes))
	}
}

// acquired is how many bytes the peer has.
func (o *outlet) acquired() uint64 { return o.written.Load() - uint64(o.sink.Unacknowledged()) }
