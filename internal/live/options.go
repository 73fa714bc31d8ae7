package live

import (
	"context"
	"time"
)

// DropReason tells why players did not get packets. A closed set, fit for a metric's label.
type DropReason string

// The reasons.
const (
	DropLag        DropReason = "lag"         // the player was too far behind
	DropNoKeyframe DropReason = "no_keyframe" // nothing to decode it from
)

// A Limit is one of the bounds of what a stream may take, that cost no connection when they are reached. A closed set, fit for a metric's label.
type Limit string

// The limits.
const (
	LimitGOP        Limit = "gop"             // the log lost its only keyframe: players that come wait for the next
	LimitHeaderSize Limit = "header_size"     // metadata or a sequence header was too large to be kept for players that come
	LimitTracks     Limit = "tracks"          // likewise, of a track too many
	LimitControl    Limit = "control_backlog" // a player did not take its control messages
)

// An Observer is told what happens, often: it should do no more than count.
type Observer interface {
	Received(k Kind, relay bool, bytes int)
	Dropped(r DropReason, packets int)
	Discontinuity(d Discontinuity)
	Limit(l Limit)
	// GOP tells how far a keyframe is from the one before, by their timestamps.
	GOP(relay bool, interval time.Duration)
	// Delay tells, of some of the writes to players, how long the oldest packet in it had been there.
	Delay(d time.Duration)
}

// Bounds are what a hub leaves its streams and players. The zero value is not usable: see the configuration's defaults.
type Bounds struct {
	GOPCache      bool          // players start at the newest keyframe there is, not at the next
	RepublishWait time.Duration // how long players stay when the publisher goes
	PlayWait      time.Duration // how long players wait for a first publisher
	StallTimeout  time.Duration // how long a player's socket may take nothing
	Linger        time.Duration // how long a stream is pulled after its last viewer
	MaxLag        time.Duration // how far a player may be behind the newest keyframe's GOP
	LogBytes      int           // bound of one stream's log
	LogDuration   time.Duration // likewise, in time
}

// Options of a hub.
type Options struct {
	Bounds       // at first: see Hub.SetBounds
	Senders  int // goroutines that serve players; at least one
	Observer Observer
	// Flush, if set, bounds how long the packets of a stream that begins may gather. By default they leave at once.
	Flush func(key string) Flush
	// Published, if set, tells whether anybody publishes a stream, here or elsewhere.
	Published func(key string) bool
	// Gone, if set, is told of a stream that the hub forgets. It is called with locks held: it must do no more than note.
	Gone func(last Info)
	// Demand, if set, is run in a goroutine while a stream has viewers: it is to attach a feed if the stream is published elsewhere. It ends when
	// ctx does.
	Demand func(ctx context.Context, s *Stream)
}

// nobody observes.
type nobody struct{}

// Received implements Observer.
func (nobody) Received(Kind, bool, int) {}

// Dropped implements Observer.
func (nobody) Dropped(DropReason, int) {}

// Discontinuity implements Observer.
func (nobody) Discontinuity(Discontinuity) {}

// Limit implements Observer.
func (nobody) Limit(Limit) {}

// GOP implements Observer.
func (nobody) GOP(bool, time.Duration) {}

// Delay implements Observer.
func (nobody) Delay(time.Duration) {}
