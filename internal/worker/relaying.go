package worker

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/multiport"
	"github.com/rtmp-edge/rtmp-edge/relay"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func (w *Worker) newPuller() *relay.Puller {
	open, streams := w.metrics.Relays.WithLabelValues(metrics.RelayWorker, metrics.RelayPull), w.metrics.Streams.WithLabelValues(metrics.StreamRelay)
	return &relay.Puller{
		Zone: w.zone, Slot: w.start.Slot, Logger: w.log,
		Settings: func() relay.Settings {
			s := w.settings.Load()
			return relay.Settings{ConnectTimeout: s.cfg.Relay.ConnectTimeout, RTMP: s.rtmp}
		},
		Dial: func(ctx context.Context, slot int) (net.Conn, error) {
			return dialSlot(ctx, w.start.Config.RelayVia(), slot)
		},
		Events: relay.Events{
			Connected: func(took time.Duration) {
				open.Inc()
				streams.Inc()
				w.metrics.RelayConnect.Observe(took.Seconds())
			},
			Latency: func(d time.Duration) { w.metrics.RelayLatency.Observe(d.Seconds()) },
			Gap:     w.metrics.RelayGaps.Inc,
			Ended: func(connected bool, cause error) {
				if connected {
					open.Dec()
					streams.Dec()
				}
				if r := reconnectReason(cause); r != "" {
					w.metrics.RelayReconnects.WithLabelValues(r).Inc()
				}
			},
		},
	}
}

// dialSlot connects to the private socket of a slot.
func dialSlot(ctx context.Context, base multiport.Addr, slot int) (net.Conn, error) {
	a, err := base.ForWorker(slot)
	if err != nil {
		return nil, err
	}
	return a.Dial(ctx)
}

// pullPause is the pause before the zone is asked again that gave an error.
const pullPause = time.Second

// pull keeps a stream fed from its owner while it has viewers here.
func (w *Worker) pull(ctx context.Context, s *live.Stream) {
	err := w.puller.Run(ctx, s.Key(), func(id string) (relay.Feed, error) { return w.hub.Relay(s.Key(), id) })
	if err == nil {
		return
	}
	w.log.Error("the stream can't be pulled", logging.Stream, s.Key(), logging.Error, err)
	select {
	case <-time.After(pullPause):
	case <-ctx.Done():
	}
}

// published tells whether any worker has the stream.
func (w *Worker) published(key string) bool {
	_, ok, err := w.zone.Lookup(key)
	return ok && err == nil
}

// reconnectReason is the cause of a relay's end as the metrics' label; "" when it was wanted.
func reconnectReason(err error) string {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, relay.ErrEnded):
		return metrics.ReconnectEnded
	case errors.Is(err, relay.ErrMoved):
		return metrics.ReconnectStale
	case errors.As(err, new(*rtmp.StatusError)):
		return metrics.ReconnectRefused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return metrics.ReconnectTimeout
	case errors.As(err, new(*net.OpError)):
		return metrics.ReconnectDial
	}
	switch rtmp.Kind(err) {
	case "eof", "io", "reset", "closed":
		return metrics.ReconnectGone
	}
	return metrics.ReconnectProtocol
}

// peers lists the workers for HTTP, this one among them.
func (w *Worker) peers() []broadcast.Peer {
	base := w.start.Config.ControlVia()
	out := make([]broadcast.Peer, w.start.Workers)
	for i := range out {
		a, err := base.ForWorker(i)
		if err != nil {
			w.log.Error("no private address", "slot", i, logging.Error, err) // the configuration's check would have to be wrong
		}
		out[i] = broadcast.Peer{Worker: i, Addr: a.String(), Dial: func(ctx context.Context) (net.Conn, error) { return dialSlot(ctx, base, i) }}
	}
	return out
}
