package worker

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// rtmpConfig is what package rtmp has to know of the configuration.
func rtmpConfig(c *config.RTMPServer) *rtmp.Config {
	l := &c.Limits
	return (&rtmp.Config{
		HandshakeTimeout: l.HandshakeTimeout, ConnectTimeout: l.ConnectTimeout, CommandTimeout: l.CommandTimeout, WriteTimeout: l.WriteTimeout,
		IdleTimeout: c.IdleTimeout, ReuseBuffers: true,
		MaxChunkStreams: l.ChunkStreams, MaxMediaSize: int(l.MediaSize), MaxCommandSize: int(l.CommandSize), MaxDataSize: int(l.DataSize),
		MaxInFlight: int(l.InFlight), MaxIdleInFlight: int(l.IdleInFlight),
		MaxStreams: l.MessageStreams, CommandRate: float64(l.CommandRate), CommandBurst: l.CommandBurst, MaxStrayMessages: l.StrayMessages,
		MaxAMFDepth: l.AMFDepth, MaxAMFNodes: l.AMFNodes,
	}).Complete()
}

// quietTime is how long nothing is logged of a reason for which connections are refused, once it was.
const quietTime = time.Minute

// How many requests that were refused are logged, in a second in the long run, and at once.
const (
	refusalsLogged = 5
	refusalsBurst  = 100
)

// stallMargin is how much later than the server, which tells why, the kernel may end the connection of a player that takes nothing.
const stallMargin = 5 * time.Second

// guard prepares what stands between the outside and a session.
func (w *Worker) guard(cfg *config.Config) error {
	l := &cfg.RTMP.Limits
	w.connections = limit.NewConnections(l.Connections, l.ConnectionsPerAddress)
	w.publishes = limit.NewPublishes(l.PublishBurst, l.PublishInterval)
	w.quiet = limit.NewQuiet(quietTime)
	w.refusals = rate.NewLimiter(refusalsLogged, refusalsBurst)
	w.accepts = rate.NewLimiter(rate.Limit(l.AcceptRate), l.AcceptBurst)
	s, err := w.newSettings(cfg, nil)
	w.settings.Store(s)
	return err
}

var tlsVersions = map[string]uint16{config.TLS12: tls.VersionTLS12, config.TLS13: tls.VersionTLS13}

// admit takes an accepted connection in, or closes it.
func (w *Worker) admit(nc net.Conn, l *listener) {
	if l.private {
		w.run(transport.Wrap(nc, false, &transport.Options{}), l, func() {})
		return
	}
	settings := w.settings.Load()
	options := &settings.plain
	if l.secure {
		options = &settings.secure
	}
	conn := transport.Wrap(nc, l.secure, options)
	var peer netip.AddrPort
	if !conn.Proxied() { // else the address is that of many clients, whose own is counted when it is known
		peer, _ = conn.Peer() // reads nothing, so can't fail
	}
	release, err := w.connections.Admit(peer.Addr())
	if err != nil {
		w.reject(conn, l.protocol(), rejectReason(err))
		return
	}
	w.run(conn, l, release)
}

// reject closes a connection before anything was read.
func (w *Worker) reject(nc *transport.Conn, protocol, reason string) {
	_ = nc.Cut()
	w.countReject(protocol, reason)
}

// countReject counts a rejection; of many alike, few are logged.
func (w *Worker) countReject(protocol, reason string) {
	w.metrics.ConnectionsRejected.WithLabelValues(protocol, reason).Inc()
	if unsaid, ok := w.quiet.Allow(reason); ok {
		w.log.Warn("connections are rejected", logging.Reason, reason, "unsaid", unsaid)
	}
}

func rejectReason(err error) string {
	if errors.Is(err, limit.ErrAddress) {
		return metrics.RejectAddressLimit
	}
	return metrics.RejectGlobalLimit
}

// pace makes whoever accepts wait as long as connections come faster than they are to be taken. They wait in the socket's queue.
func (w *Worker) pace(stop <-chan struct{}) {
	wait := w.accepts.Reserve().Delay()
	if wait == 0 {
		return
	}
	w.metrics.LimitsHit.WithLabelValues(metrics.LimitAcceptRate).Inc()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stop:
	}
}
