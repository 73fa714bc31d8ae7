package config

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// RTMPServer is RTMP and RTMPS as all workers serve them: where, to whom, and within which limits.
type RTMPServer struct {
	Listen        []multiport.Addr `yaml:"listen" json:"listen"`
	TLS           TLS              `yaml:"tls" json:"tls"`
	ProxyProtocol []Prefix         `yaml:"proxy_protocol" json:"proxy_protocol"` // who may and must send a PROXY header
	IdleTimeout   time.Duration    `yaml:"idle_timeout" json:"idle_timeout"`     // of a publisher without media; 0: none
	KeepAlive     time.Duration    `yaml:"keepalive" json:"keepalive"`           // TCP_KEEPIDLE and TCP_KEEPINTVL; 0: off
	UserTimeout   time.Duration    `yaml:"user_timeout" json:"user_timeout"`     // TCP_USER_TIMEOUT; 0: the kernel's own
	Limits        Limits           `yaml:"limits" json:"limits"`
}

// TLS is what RTMPS needs, on TLS.Listen and on ranges that serve rtmps.
type TLS struct {
	Listen     []multiport.Addr `yaml:"listen" json:"listen"` // listened on only with a certificate
	Cert       string           `yaml:"cert" json:"cert"`     // PEM file: certificate and chain; "": no TLS
	Key        string           `yaml:"key" json:"key"`       // PEM file
	MinVersion string           `yaml:"min_version" json:"min_version"`
}

// Enabled tells whether there is a certificate to serve RTMPS with.
func (t TLS) Enabled() bool { return t.Cert != "" }

// The values of TLS.MinVersion.
const (
	TLS12 = "1.2"
	TLS13 = "1.3"
)

// Limits bound what one worker takes from its peers.
type Limits struct {
	Connections           int `yaml:"connections" json:"connections"`
	ConnectionsPerAddress int `yaml:"connections_per_address" json:"connections_per_address"` // IPv6: per /64
	AcceptRate            int `yaml:"accept_rate" json:"accept_rate"`                         // a second, in the long run
	AcceptBurst           int `yaml:"accept_burst" json:"accept_burst"`

	HandshakeTimeout time.Duration `yaml:"handshake_timeout" json:"handshake_timeout"` // from the accept
	ConnectTimeout   time.Duration `yaml:"connect_timeout" json:"connect_timeout"`     // from the accept
	CommandTimeout   time.Duration `yaml:"command_timeout" json:"command_timeout"`     // from connect to publish or play
	WriteTimeout     time.Duration `yaml:"write_timeout" json:"write_timeout"`

	ChunkStreams   int  `yaml:"chunk_streams" json:"chunk_streams"`
	MediaSize      Size `yaml:"media_size" json:"media_size"`
	CommandSize    Size `yaml:"command_size" json:"command_size"`
	DataSize       Size `yaml:"data_size" json:"data_size"`
	InFlight       Size `yaml:"in_flight" json:"in_flight"`
	IdleInFlight   Size `yaml:"idle_in_flight" json:"idle_in_flight"` // before a publish is accepted
	MessageStreams int  `yaml:"message_streams" json:"message_streams"`
	CommandRate    int  `yaml:"command_rate" json:"command_rate"` // a second, in the long run
	CommandBurst   int  `yaml:"command_burst" json:"command_burst"`
	StrayMessages  int  `yaml:"stray_messages" json:"stray_messages"`
	AMFDepth       int  `yaml:"amf_depth" json:"amf_depth"`
	AMFNodes       int  `yaml:"amf_nodes" json:"amf_nodes"`

	PublishBurst    int           `yaml:"publish_burst" json:"publish_burst"`       // of one stream name
	PublishInterval time.Duration `yaml:"publish_interval" json:"publish_interval"` // 0: no limit
}

func defaultRTMP() RTMPServer {
	return RTMPServer{
		Listen:      []multiport.Addr{{Network: multiport.TCP, Port: 1935}},
		TLS:         TLS{Listen: []multiport.Addr{{Network: multiport.TCP, Port: 1936}}, MinVersion: TLS12},
		IdleTimeout: 15 * time.Second,
		KeepAlive:   10 * time.Second,
		UserTimeout: 20 * time.Second,
		Limits: Limits{
			Connections:           10000,
			ConnectionsPerAddress: 1000,
			AcceptRate:            1000,
			AcceptBurst:           2000,
			HandshakeTimeout:      5 * time.Second,
			ConnectTimeout:        10 * time.Second,
			CommandTimeout:        10 * time.Second,
			WriteTimeout:          10 * time.Second,
			ChunkStreams:          64,
			MediaSize:             8 << 20,
			CommandSize:           64 << 10,
			DataSize:              256 << 10,
			InFlight:              16 << 20,
			IdleInFlight:          64 << 10,
			MessageStreams:        8,
			CommandRate:           20,
			CommandBurst:          100,
			StrayMessages:         32,
			AMFDepth:              16,
			AMFNodes:              4096,
			PublishBurst:          20,
			PublishInterval:       time.Second,
		},
	}
}
