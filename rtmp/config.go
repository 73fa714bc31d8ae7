package rtmp

import (
	"crypto/tls"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// Defaults of Config.
const (
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultConnectTimeout   = 10 * time.Second
	DefaultCommandTimeout   = 10 * time.Second
	DefaultWriteTimeout     = 10 * time.Second

	DefaultChunkSize     = 60000   // what we announce and write with once connected
	DefaultWindowAckSize = 2500000 // bytes

	DefaultMaxChunkStreams = 64
	DefaultMaxMediaSize    = 8 << 20
	DefaultMaxCommandSize  = 64 << 10
	DefaultMaxDataSize     = 256 << 10
	DefaultMaxInFlight     = 16 << 20
	DefaultMaxIdleInFlight = 64 << 10

	DefaultMaxAMFDepth = amf0.DefaultMaxDepth
	DefaultMaxAMFNodes = amf0.DefaultMaxNodes

	DefaultMaxStreams       = 8
	DefaultCommandRate      = 20
	DefaultCommandBurst     = 100
	DefaultMaxStrayMessages = 32
)

// Config are the settings and limits of one end of a connection. A nil
// *Config, and every field that is zero or negative, means the default; for
// IdleTimeout that is none. It must not be changed while connections use it.
type Config struct {
	HandshakeTimeout time.Duration // from the start to the end of the handshake
	ConnectTimeout   time.Duration // from the start to `connect` (client: to its answer)
	CommandTimeout   time.Duration // server: how long a peer may stay connected without a publish or play
	WriteTimeout     time.Duration // one message, until the peer's window took it

	// IdleTimeout is, on a server, how long a peer that publishes may send no
	// media, counted from AcceptPublish and then from the newest whole message
	// of audio, video or data on a stream that publishes. It ends Next up to an
	// eighth later. Zero or negative: no limit.
	IdleTimeout time.Duration

	// TLS is what a client dials rtmps:// with; nil is an empty one. Where it
	// lacks them, ServerName is the URL's host and MinVersion is TLS 1.2.
	TLS *tls.Config

	// ReuseBuffers makes the payload of an event's message valid until the next
	// call of Next only, on a ServerConn as on a ClientConn, so that in the long
	// run reading allocates nothing. Otherwise the payload belongs to the caller.
	ReuseBuffers bool

	ChunkSize     int // announced and used for writing, bytes
	WindowAckSize int // we ask for, and by default give, an acknowledgement after as many bytes

	MaxChunkStreams int // chunk streams that the peer may use
	MaxMediaSize    int // one audio, video or aggregate message, bytes
	MaxCommandSize  int // one command, bytes
	MaxDataSize     int // one data message, bytes
	MaxInFlight     int // all messages begun and not complete, bytes
	MaxIdleInFlight int // the same before a publish is accepted (client: before Play)

	MaxAMFDepth int // how deep the objects and arrays of a command nest
	MaxAMFNodes int // the values of a command, nested ones included

	MaxStreams       int     // message streams open at once
	CommandRate      float64 // commands and control messages a second, in the long run
	CommandBurst     int     // and at once
	MaxStrayMessages int     // messages dropped on a stream that is not active; one more ends the connection
}

// Complete returns c, which may be nil, with the defaults in the place of zero
// values: c itself if there are none. So connections that are given a complete
// Config share it.
func (c *Config) Complete() *Config {
	out := c.withDefaults()
	if c != nil && out == *c {
		return c
	}
	complete := out // here, so that nothing is allocated above
	return &complete
}

func (c *Config) withDefaults() Config {
	var out Config
	if c != nil {
		out = *c
	}
	setDefault(&out.HandshakeTimeout, DefaultHandshakeTimeout)
	setDefault(&out.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&out.CommandTimeout, DefaultCommandTimeout)
	setDefault(&out.WriteTimeout, DefaultWriteTimeout)
	setDefault(&out.ChunkSize, DefaultChunkSize)
	setDefault(&out.WindowAckSize, DefaultWindowAckSize)
	setDefault(&out.MaxChunkStreams, DefaultMaxChunkStreams)
	setDefault(&out.MaxMediaSize, DefaultMaxMediaSize)
	setDefault(&out.MaxCommandSize, DefaultMaxCommandSize)
	setDefault(&out.MaxDataSize, DefaultMaxDataSize)
	setDefault(&out.MaxInFlight, DefaultMaxInFlight)
	setDefault(&out.MaxIdleInFlight, DefaultMaxIdleInFlight)
	setDefault(&out.MaxAMFDepth, DefaultMaxAMFDepth)
	setDefault(&out.MaxAMFNodes, DefaultMaxAMFNodes)
	setDefault(&out.MaxStreams, DefaultMaxStreams)
	setDefault(&out.CommandRate, DefaultCommandRate)
	setDefault(&out.CommandBurst, DefaultCommandBurst)
	setDefault(&out.MaxStrayMessages, DefaultMaxStrayMessages)
	out.ChunkSize = min(out.ChunkSize, maxPayload)
	return out
}

func setDefault[T ~int | ~int64 | ~float64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// idleLimits are the chunk layer's limits before a publish or play.
func (c *Config) idleLimits() chunk.Limits {
	return chunk.Limits{
		MaxChunkStreams: c.MaxChunkStreams,
		MaxMediaSize:    c.MaxMediaSize,
		MaxCommandSize:  c.MaxCommandSize,
		MaxDataSize:     c.MaxDataSize,
		MaxInFlight:     c.MaxIdleInFlight,
	}
}

// amfLimits bound the decoding of one command.
func (c *Config) amfLimits() amf0.Limits {
	return amf0.Limits{MaxDepth: c.MaxAMFDepth, MaxNodes: c.MaxAMFNodes}
}
