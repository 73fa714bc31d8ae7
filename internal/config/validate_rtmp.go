package config

import (
	"fmt"
	"math"
	"time"
)

// Bounds of limits. Below the lower ones no real encoder or player gets through, or the lower layers would take their
// default; beyond the upper ones a limit bounds nothing any more.
const (
	maxConnections = 1 << 20 // the most descriptors that Linux gives a process, unless told otherwise (fs.nr_open)
	maxRate        = 1000000

	minChunkStreams = 4     // control, commands, audio, video
	maxChunkStreams = 65597 // ids 3 to 65599 (RTMP 1.0 §5.3.1.1)

	minMedia   Size = 64 << 10 // a keyframe
	minMessage Size = 4 << 10  // a `connect`, an onMetaData
	maxMessage Size = 1<<24 - 1
	maxFlight  Size = 1 << 30

	minAMFDepth, maxAMFDepth = 4, 256 // decoding recurses
	minAMFNodes, maxAMFNodes = 64, maxRate

	minCommandBurst = 10 // what an encoder sends up to its first media
)

// Bounds of socket options: TCP_KEEPIDLE and TCP_KEEPINTVL are whole seconds up to MAX_TCP_KEEPIDLE, TCP_USER_TIMEOUT
// is an int of milliseconds (tcp(7), include/net/tcp.h).
const (
	minKeepAlive   = time.Second
	maxKeepAlive   = 32767 * time.Second
	minUserTimeout = time.Millisecond
	maxUserTimeout = math.MaxInt32 * time.Millisecond
)

func (v *validator) rtmp(c *Config) {
	v.tls(c)
	for i, p := range c.RTMP.ProxyProtocol {
		v.check(p != Prefix{}, fmt.Sprintf("rtmp.proxy_protocol[%d]", i), "is missing: write an address or a range, such as 10.0.0.1 or 10.0.0.0/8")
	}
	v.socketOption("rtmp.keepalive", c.RTMP.KeepAlive, minKeepAlive, maxKeepAlive)
	v.socketOption("rtmp.user_timeout", c.RTMP.UserTimeout, minUserTimeout, maxUserTimeout)
	v.counts(&c.RTMP.Limits)
	v.messageSizes(&c.RTMP.Limits)
	v.handshake(&c.RTMP.Limits)
}

func (v *validator) tls(c *Config) {
	t := c.RTMP.TLS
	v.enum("rtmp.tls.min_version", t.MinVersion, []string{TLS12, TLS13})
	// Who has given one of the two has a line for it; the other may be in no file.
	v.check(t.Cert == "" || t.Key != "" || v.skip("rtmp.tls.key"), "rtmp.tls.cert",
		"is of no use without a key: write its private key's file as rtmp.tls.key")
	v.check(t.Key == "" || t.Cert != "" || v.skip("rtmp.tls.cert"), "rtmp.tls.key",
		"is of no use without a certificate: write its file as rtmp.tls.cert")
	for i, m := range c.MultiListen {
		v.check(m.Serves != RTMPS || t.Enabled() || v.skip("rtmp.tls.cert"), fmt.Sprintf("multi_listen[%d].serves", i),
			"rtmps needs a certificate: write rtmp.tls.cert and rtmp.tls.key, or serves: rtmp")
	}
}

// socketOption judges what the kernel is told; 0 is for nothing.
func (v *validator) socketOption(key string, d, low, high time.Duration) {
	v.check(d == 0 || d >= low && d <= high, key, "%s is out of range %s..%s: choose a duration in it, or 0s", d, low, high)
}

func (v *validator) counts(l *Limits) {
	for _, n := range []struct {
		key              string
		value, low, high int
	}{
		{"connections", l.Connections, 1, maxConnections},
		{"connections_per_address", l.ConnectionsPerAddress, 1, maxConnections},
		{"accept_rate", l.AcceptRate, 1, maxRate},
		{"accept_burst", l.AcceptBurst, 1, maxRate},
		{"chunk_streams", l.ChunkStreams, minChunkStreams, maxChunkStreams},
		{"message_streams", l.MessageStreams, 1, 1024},
		{"command_rate", l.CommandRate, 1, maxRate},
		{"command_burst", l.CommandBurst, minCommandBurst, maxRate},
		{"stray_messages", l.StrayMessages, 1, maxRate},
		{"amf_depth", l.AMFDepth, minAMFDepth, maxAMFDepth},
		{"amf_nodes", l.AMFNodes, minAMFNodes, maxAMFNodes},
		{"publish_burst", l.PublishBurst, 1, maxRate},
	} {
		v.between("rtmp.limits."+n.key, n.value, n.low, n.high)
	}
}

func (v *validator) messageSizes(l *Limits) {
	for _, s := range []struct {
		key              string
		value, low, high Size
	}{
		{"media_size", l.MediaSize, minMedia, maxMessage},
		{"command_size", l.CommandSize, minMessage, maxMessage},
		{"data_size", l.DataSize, minMessage, maxMessage},
		{"in_flight", l.InFlight, minMedia, maxFlight},
		{"idle_in_flight", l.IdleInFlight, minMessage, maxFlight},
	} {
		v.check(s.value >= s.low && s.value <= s.high, "rtmp.limits."+s.key, "%s is out of range %s..%s: choose a size in it", s.value, s.low, s.high)
	}
	// A message that may be so long must also be allowed to be on its way. Commands come before a publish, too.
	v.fits("media_size", l.MediaSize, "in_flight", l.InFlight)
	v.fits("data_size", l.DataSize, "in_flight", l.InFlight)
	v.fits("command_size", l.CommandSize, "idle_in_flight", l.IdleInFlight)
	v.fits("idle_in_flight", l.IdleInFlight, "in_flight", l.InFlight)
}

func (v *validator) fits(key string, s Size, within string, bound Size) {
	if s > bound {
		v.contradiction(limit{"rtmp.limits." + key, s}, "is more than", limit{"rtmp.limits." + within, bound}, "is less than")
	}
}

// handshake: it is a part of what connect_timeout is for.
func (v *validator) handshake(l *Limits) {
	if l.HandshakeTimeout > l.ConnectTimeout {
		v.contradiction(limit{"rtmp.limits.handshake_timeout", l.HandshakeTimeout}, "is more than",
			limit{"rtmp.limits.connect_timeout", l.ConnectTimeout}, "is less than")
	}
}
