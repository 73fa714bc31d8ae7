package worker

import (
	"net/netip"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Settings are a configuration, and what is made of it for connections that come. They are not changed: a reload replaces them.
type settings struct {
	cfg    *config.Config
	rtmp   *rtmp.Config
	plain  transport.Options // of sockets
	secure transport.Options // likewise, with TLS
}

// cfg is the configuration that holds now. Who needs it twice for one thing keeps it.
func (w *Worker) cfg() *config.Config { return w.settings.Load().cfg }

// newSettings makes those of a configuration. It takes over the certificate of old, which may be nil, if it is the same.
func (w *Worker) newSettings(cfg *config.Config, old *settings) (*settings, error) {
	c := &cfg.RTMP
	s := &settings{cfg: cfg, rtmp: rtmpConfig(c), plain: transport.Options{KeepAlive: c.KeepAlive, HeaderTimeout: c.Limits.HandshakeTimeout}}
	if c.UserTimeout > 0 {
		s.plain.UserTimeout = max(c.UserTimeout, cfg.Live.StallTimeout+stallMargin)
	}
	for _, p := range c.ProxyProtocol {
		s.plain.Trusted = append(s.plain.Trusted, netip.Prefix(p))
	}
	s.secure = s.plain
	switch {
	case !c.TLS.Enabled():
		return s, nil
	case old != nil && old.secure.TLS != nil && sameTLS(&old.cfg.RTMP.TLS, &c.TLS):
		s.secure.TLS = old.secure.TLS
		return s, nil
	}
	cert, err := w.loadCertificate(&c.TLS)
	if err != nil {
		return nil, err
	}
	w.metrics.startProtocol(metrics.ProtocolRTMPS)
	s.secure.TLS = transport.TLSConfig(cert, tlsVersions[c.TLS.MinVersion])
	return s, nil
}

func sameTLS(a, b *config.TLS) bool {
	return a.Cert == b.Cert && a.Key == b.Key && a.MinVersion == b.MinVersion
}

func (w *Worker) loadCertificate(c *config.TLS) (*transport.Certificate, error) {
	return transport.LoadCertificate(c.Cert, c.Key, transport.CertificateEvents{
		Loaded: func(notAfter time.Time) {
			w.metrics.CertificateLoads.WithLabelValues(metrics.LoadOK).Inc()
			w.metrics.CertificateExpiry.WithLabelValues().Set(float64(notAfter.Unix()))
			w.log.Info("certificate loaded", "file", c.Cert, "expires", notAfter)
		},
		Failed: func(err error) {
			w.metrics.CertificateLoads.WithLabelValues(metrics.LoadError).Inc()
			w.log.Error("the changed certificate can't be loaded; the old one stays in use", logging.Error, err)
		},
	})
}

// tellExpiry has the metrics say when the certificate in use expires, as they do again when another one was loaded and is not taken into use.
func (w *Worker) tellExpiry() {
	now := w.settings.Load()
	if now.secure.TLS == nil {
		w.metrics.CertificateExpiry.Reset()
		return
	}
	if cert, err := now.secure.TLS.GetCertificate(nil); err == nil {
		w.metrics.CertificateExpiry.WithLabelValues().Set(float64(cert.Leaf.NotAfter.Unix()))
	}
}

// bounds are those of the hub.
func bounds(cfg *config.Config) live.Bounds {
	l := &cfg.Live
	return live.Bounds{
		GOPCache: l.GOPCache, RepublishWait: l.RepublishWait, PlayWait: l.PlayWait, StallTimeout: l.StallTimeout,
		MaxLag: l.MaxLag, LogBytes: int(l.LogBytes), LogDuration: l.LogDuration, Linger: cfg.Relay.Linger,
	}
}

// mostGap is how long messages of publishers may gather.
func mostGap(cfg *config.Config) time.Duration { return cfg.Live.Flush.Max / 2 }

// access is who may call the API.
func access(cfg *config.Config) api.Access {
	return api.Access{Hosts: cfg.HTTP.Hosts, Token: cfg.HTTP.Token}
}
