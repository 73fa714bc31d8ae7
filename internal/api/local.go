package api

import (
	"context"
	"log/slog"
	"time"
)

// Local is what one worker knows of itself: all that this package asks of the process it runs in. Its methods are called
// from many goroutines at once and, but for GiveUp and Reload, answer from memory, without waiting for a peer or a disk.
type Local interface {
	DropIn

	// Worker describes this worker.
	Worker() WorkerInfo
	// Streams lists the streams this worker has any part in, in any order.
	Streams() []LocalStream
	// Sessions lists the connections of publishers and players, of relays, and of peers that are neither yet, in any order.
	// HTTP requests that play nothing are no sessions.
	Sessions() []Session
	// Zone describes the shared zone as this worker sees it.
	Zone() (ZoneInfo, error)

	// KickPublisher ends the session of the stream's publisher, if it is on this worker; it reports whether it was.
	KickPublisher(app, name string) bool
	// KickPlayers ends the sessions that play the stream on this worker, or wait for it, and returns how many these were. Relays of
	// siblings go on.
	KickPlayers(app, name string) int
	// KickSession ends one session; it reports whether this worker had it.
	KickSession(id string) bool

	// Drain stops this worker from taking connections on the ports of RTMP and the shared ones of HTTP, or has it take them again. Its sessions go on.
	Drain(on bool) error
	// LogLevel is the least that this worker logs.
	LogLevel() slog.Level
	// SetLogLevel changes that, until the worker ends.
	SetLogLevel(slog.Level)

	// Reload has the server load its configuration again, and waits for the outcome.
	Reload(ctx context.Context) (Reload, error)

	// GiveUp ends a publication that another publisher takes over, if it is on this worker; it returns when the stream's
	// name is free, or ctx ends, and reports whether the publication was here and is over.
	GiveUp(ctx context.Context, stream, publication string) bool
}

// WorkerInfo describes one worker process.
type WorkerInfo struct {
	Worker     int         `json:"worker"` // stable number, 0..N-1; names the worker's own port
	Slot       int         `json:"slot"`   // of this process in the zone
	PID        int         `json:"pid"`
	State      WorkerState `json:"state"`
	Started    time.Time   `json:"started"`
	Restarts   int         `json:"restarts"`   // how often this worker was replaced after it died
	Sessions   int         `json:"sessions"`   // connections of publishers and players, relays of siblings among them
	Publishers int         `json:"publishers"` // sessions that publish
	Players    int         `json:"players"`    // sessions that play; relays of siblings are not among them
	LogLevel   string      `json:"log_level"`
	Load       Load        `json:"load"`
}

// A WorkerState is what a worker does with new connections.
type WorkerState string

// The states.
const (
	WorkerReady    WorkerState = "ready"
	WorkerDraining WorkerState = "draining" // takes no new connections, but on its own ports of HTTP
	WorkerEnding   WorkerState = "ending"   // likewise, and ends its sessions
)

// Load is what a worker process takes of the machine. Rates are of the last few seconds.
type Load struct {
	CPU        float64 `json:"cpu"`         // cores in use: 0.5 is half of one
	RSS        int64   `json:"rss_bytes"`   // resident memory
	BitrateIn  float64 `json:"bitrate_in"`  // bits a second from publishers and through relays
	BitrateOut float64 `json:"bitrate_out"` // bits a second to players and relays
	Goroutines int     `json:"goroutines"`
}

// A Role is the part a worker has in a stream.
type Role string

// The roles.
const (
	RolePublisher Role = "publisher" // its publisher is here: this worker owns it
	RoleRelay     Role = "relay"     // pulled from the owner
	RoleWaiting   Role = "waiting"   // somebody here wants it, nobody publishes it
)

// A LocalStream is one worker's part in one stream.
type LocalStream struct {
	App          string         `json:"app"`
	Name         string         `json:"name"`
	Role         Role           `json:"role"`
	Owner        int            `json:"owner"`                   // slot of the owner; says nothing while waiting
	Publisher    *PublisherInfo `json:"publisher,omitempty"`     // on the owner only
	Players      int            `json:"players"`                 // viewers on this worker
	PlayersBy    map[string]int `json:"players_by,omitempty"`    // the same by protocol
	RelayPlayers int            `json:"relay_players,omitempty"` // sessions of sibling workers, not among Players
	BytesIn      uint64         `json:"bytes_in"`                // from the publisher, or through the relay
	BytesOut     uint64         `json:"bytes_out"`               // to players and to relays of siblings
	BitrateIn    float64        `json:"bitrate_in"`              // bits a second, of the last few seconds
	BitrateOut   float64        `json:"bitrate_out"`
	VideoCodec   string         `json:"video_codec,omitempty"`
	AudioCodec   string         `json:"audio_codec,omitempty"`
	Video        *VideoInfo     `json:"video,omitempty"`  // nil without video
	Audio        *AudioInfo     `json:"audio,omitempty"`  // nil without audio
	GOP          *GOPInfo       `json:"gop,omitempty"`    // nil before the first keyframe
	Health       *HealthInfo    `json:"health,omitempty"` // nil before the first frame
	Since        time.Time      `json:"since"`            // when this worker's part began
}

// PublisherInfo describes the session that publishes a stream.
type PublisherInfo struct {
	Session  string    `json:"session"` // its id
	Protocol string    `json:"protocol"`
	Address  string    `json:"address"`
	Since    time.Time `json:"since"`
	FlashVer string    `json:"flash_ver,omitempty"` // what the client calls itself (RTMP 1.0 §7.2.1.1)
}

// VideoInfo describes the video of a stream: its lowest track. What the sequence header does not tell is 0 or "".
type VideoInfo struct {
	Codec   string  `json:"codec"`            // h264, hevc, av1 …
	String  string  `json:"string,omitempty"` // as in a MIME type's codecs (RFC 6381): avc1.64001f
	Profile string  `json:"profile,omitempty"`
	Level   string  `json:"level,omitempty"`
	Width   int     `json:"width,omitempty"` // pixels
	Height  int     `json:"height,omitempty"`
	FPS     float64 `json:"fps"`     // frames a second, counted over the last few seconds
	Bitrate float64 `json:"bitrate"` // bits a second, likewise
}

// AudioInfo describes the audio of a stream: its lowest track.
type AudioInfo struct {
	Codec      string  `json:"codec"` // aac, opus …
	String     string  `json:"string,omitempty"`
	Profile    string  `json:"profile,omitempty"`
	SampleRate int     `json:"sample_rate,omitempty"` // hertz
	Channels   int     `json:"channels,omitempty"`
	Bitrate    float64 `json:"bitrate"`
}

// GOPInfo describes the groups of pictures of a stream.
type GOPInfo struct {
	KeyframeInterval float64 `json:"keyframe_interval"` // seconds between the timestamps of the last two keyframes; 0 before the second
	Frames           int     `json:"frames"`            // messages since the newest keyframe, which players that come get at once
	Bytes            int     `json:"bytes"`
	Duration         float64 `json:"duration"` // seconds from the newest keyframe to the newest message
}

// HealthInfo says how a stream's timestamps behave, since its feed attached.
type HealthInfo struct {
	LastFrame time.Time `json:"last_frame"` // when the newest audio or video arrived
	Timestamp uint32    `json:"timestamp"`  // its timestamp as players get it, in milliseconds
	Forward   uint64    `json:"forward"`    // jumps ahead, levelled for players
	Backward  uint64    `json:"backward"`   // jumps back, likewise
	Small     uint64    `json:"small"`      // small steps back within audio, video or data
}

// A Session is one connection, as the worker that has it sees it.
type Session struct {
	ID       string    `json:"id"` // worker-restarts-number: unique as long as the server runs
	Worker   int       `json:"worker"`
	Slot     int       `json:"slot"`
	Protocol string    `json:"protocol"` // rtmp, rtmps, http_flv, ws_flv, http_fmp4
	Role     string    `json:"role"`     // publisher, player, relay, none
	State    string    `json:"state"`    // handshake, connected, publishing, playing, waiting
	Address  string    `json:"address"`  // host:port, or unix
	Client   string    `json:"client,omitempty"`
	App      string    `json:"app,omitempty"`
	Name     string    `json:"name,omitempty"`
	Since    time.Time `json:"since"`
	BytesIn  uint64    `json:"bytes_in"`
	BytesOut uint64    `json:"bytes_out"`
	Frames   uint64    `json:"frames"`           // messages of the stream that it sent us, or that were sent to it
	Dropped  uint64    `json:"dropped"`          // messages that it was too slow for
	Join     *float64  `json:"join,omitempty"`   // seconds from its request to play to the first media
	Source   string    `json:"source,omitempty"` // of a player: local, or worker (a relay brings the stream)
}

// ZoneInfo describes the stream zone.
type ZoneInfo struct {
	Buckets  int        `json:"buckets"`
	Capacity int        `json:"capacity"` // streams there is room for
	NameMax  int        `json:"name_max"` // bytes
	Live     int        `json:"live"`     // streams claimed now
	Slots    []ZoneSlot `json:"slots"`
}

// A ZoneSlot is the place of one worker process in the zone.
type ZoneSlot struct {
	Slot    int  `json:"slot"`
	Epoch   int  `json:"epoch"`
	Open    bool `json:"open"`
	PID     int  `json:"pid"`
	Streams int  `json:"streams"`
}
