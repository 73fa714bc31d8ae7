package api

import (
	"context"
	"time"
)

// Local is what one worker knows of itself: all that this package asks of the process it runs in. Its methods are called
// from many goroutines at once and, but for GiveUp, answer from memory, without waiting for a peer or a disk.
type Local interface {
	// Worker describes this worker.
	Worker() WorkerInfo
	// Streams lists the streams this worker has any part in, in any order.
	Streams() []LocalStream
	// Zone describes the shared zone as this worker sees it.
	Zone() (ZoneInfo, error)
	// KickPublisher ends the session of the stream's publisher, if it is on this worker; it reports whether it was.
	KickPublisher(app, name string) bool
	// GiveUp ends a publication that another publisher takes over, if it is on this worker; it returns when the stream's
	// name is free, or ctx ends, and reports whether the publication was here and is over.
	GiveUp(ctx context.Context, stream, publication string) bool
}

// WorkerInfo describes one worker process.
type WorkerInfo struct {
	Worker     int       `json:"worker"` // stable number, 0..N-1; names the worker's own port
	Slot       int       `json:"slot"`   // of this process in the zone
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Restarts   int       `json:"restarts"`   // how often this worker was replaced after it died
	Sessions   int       `json:"sessions"`   // connections of any protocol, relays of siblings among them
	Publishers int       `json:"publishers"` // sessions that publish
	Players    int       `json:"players"`    // sessions that play; relays of siblings are not among them
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
	RelayPlayers int            `json:"relay_players,omitempty"` // sessions of sibling workers, not among Players
	BytesIn      uint64         `json:"bytes_in"`                // from the publisher, or through the relay
	BytesOut     uint64         `json:"bytes_out"`               // to players and to relays of siblings
	VideoCodec   string         `json:"video_codec,omitempty"`
	AudioCodec   string         `json:"audio_codec,omitempty"`
	Since        time.Time      `json:"since"` // when this worker's part began
}

// PublisherInfo describes the session that publishes a stream.
type PublisherInfo struct {
	Address  string    `json:"address"`
	Since    time.Time `json:"since"`
	FlashVer string    `json:"flash_ver,omitempty"` // what the client calls itself (RTMP 1.0 §7.2.1.1)
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
