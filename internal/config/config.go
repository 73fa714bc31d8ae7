package config

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// A Config is a whole configuration. It survives JSON, the form in which the master passes it to its workers.
type Config struct {
	Workers         Workers       `yaml:"workers" json:"workers"`
	RunDir          string        `yaml:"run_dir" json:"run_dir"` // "": the master makes a private folder, and sets it here
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" json:"shutdown_timeout"`
	StreamZone      StreamZone    `yaml:"stream_zone" json:"stream_zone"`
	RTMP            RTMPServer    `yaml:"rtmp" json:"rtmp"`
	Apps            []App         `yaml:"apps" json:"apps"` // see Config.App
	HTTP            HTTPServer    `yaml:"http" json:"http"`
	MultiListen     []MultiListen `yaml:"multi_listen" json:"multi_listen"`
	Relay           Relay         `yaml:"relay" json:"relay"`
	Live            Live          `yaml:"live" json:"live"`
	Metrics         Metrics       `yaml:"metrics" json:"metrics"`
	Log             Log           `yaml:"log" json:"log"`
}

// StreamZone sizes the shared memory that says which worker owns a stream.
type StreamZone struct {
	Buckets int `yaml:"buckets" json:"buckets"`
	Streams int `yaml:"streams" json:"streams"`
	NameMax int `yaml:"name_max" json:"name_max"` // bytes
}

// HTTPServer is HTTP as all workers serve it: where, and to whom.
type HTTPServer struct {
	Listen      []multiport.Addr `yaml:"listen" json:"listen"`
	Token       string           `yaml:"token" json:"token"`               // for control from elsewhere than this machine; "": none from there
	TokenFile   string           `yaml:"token_file" json:"token_file"`     // what Load read Token from; "": nothing
	Hosts       []string         `yaml:"hosts" json:"hosts"`               // names by which the server is called, besides IP addresses
	CORSOrigins []string         `yaml:"cors_origins" json:"cors_origins"` // sites whose pages may play; AnyOrigin: all
}

// AnyOrigin in HTTPServer.CORSOrigins stands for every site.
const AnyOrigin = "*"

// Metrics bounds what is told of single streams.
type Metrics struct {
	Streams int `yaml:"streams" json:"streams"` // of each worker, with series of their own
}

// MultiListen is a range of addresses, one for each worker.
type MultiListen struct {
	Listen multiport.Addr `yaml:"listen" json:"listen"` // the base; worker n has Listen.ForWorker(n)
	Serves Protocol       `yaml:"serves" json:"serves"`
}

// Relay says how workers pull streams from each other.
type Relay struct {
	Via            multiport.Addr `yaml:"via" json:"via"` // the base; zero: rtmp.sock in RunDir. See Config.RelayVia
	ConnectTimeout time.Duration  `yaml:"connect_timeout" json:"connect_timeout"`
	Linger         time.Duration  `yaml:"linger" json:"linger"`
}

// Live bounds a stream and its players.
type Live struct {
	GOPCache      bool          `yaml:"gop_cache" json:"gop_cache"`
	RepublishWait time.Duration `yaml:"republish_wait" json:"republish_wait"`
	PlayWait      time.Duration `yaml:"play_wait" json:"play_wait"`
	StallTimeout  time.Duration `yaml:"stall_timeout" json:"stall_timeout"`
	MaxLag        time.Duration `yaml:"max_lag" json:"max_lag"`
	LogBytes      Size          `yaml:"log_bytes" json:"log_bytes"`
	LogDuration   time.Duration `yaml:"log_duration" json:"log_duration"`
	Flush         Flush         `yaml:"flush" json:"flush"` // of apps that say nothing else: see Config.App
}

// Flush bounds how long packets gather before they are sent to a player.
type Flush struct {
	Min time.Duration `yaml:"min" json:"min"`
	Max time.Duration `yaml:"max" json:"max"`
}

// Log says what is logged, and how.
type Log struct {
	Level  string `yaml:"level" json:"level"`   // debug, info, warn, error
	Format string `yaml:"format" json:"format"` // text, json
}

// Default returns the configuration of a server started without a file.
func Default() *Config {
	return &Config{
		Workers:         Auto,
		ShutdownTimeout: 10 * time.Second,
		StreamZone:      StreamZone{Buckets: 20011, Streams: 10000, NameMax: 1024},
		RTMP:            defaultRTMP(),
		HTTP: HTTPServer{
			Listen:      []multiport.Addr{{Network: multiport.TCP, Host: "127.0.0.1", Port: 8080}},
			CORSOrigins: []string{AnyOrigin},
		},
		Relay: Relay{ConnectTimeout: 2 * time.Second, Linger: 5 * time.Second},
		Live: Live{
			GOPCache:      true,
			RepublishWait: 10 * time.Second,
			PlayWait:      30 * time.Second,
			StallTimeout:  10 * time.Second,
			MaxLag:        5 * time.Second,
			LogBytes:      64 << 20,
			LogDuration:   30 * time.Second,
			Flush:         Flush{Min: 0, Max: 100 * time.Millisecond},
		},
		Metrics: Metrics{Streams: 500},
		Log:     Log{Level: "info", Format: "text"},
	}
}
