package streamzone

import (
	"errors"
	"fmt"
)

var (
	// ErrTaken says that a living worker owns the name. It comes as a *TakenError.
	ErrTaken = errors.New("streamzone: the name is taken")
	// ErrFull says that every node of the zone is in use: Config.Streams is too small.
	ErrFull = errors.New("streamzone: the zone is full")
	// ErrBucketFull says that too many names fell into one bucket. With sane
	// sizes nobody sees it: chance does not get there, and to make names that
	// collide takes the zone's secret.
	ErrBucketFull = errors.New("streamzone: too many names in one bucket")
	// ErrNameEmpty refuses a name of no bytes.
	ErrNameEmpty = errors.New("streamzone: the name is empty")
	// ErrNameTooLong refuses a name longer than Config.NameMax. Names are never cut.
	ErrNameTooLong = errors.New("streamzone: the name is too long")
	// ErrCorrupt says that the memory breaks a rule that no order of events and
	// no crash can break: something else wrote to it.
	ErrCorrupt = errors.New("streamzone: the zone is damaged")
	// ErrVersion refuses a zone whose layout another version of this program made.
	ErrVersion = errors.New("streamzone: unknown layout version")
	// ErrConfig refuses sizes out of range.
	ErrConfig = errors.New("streamzone: bad configuration")
	// ErrBadID refuses a text that is not an ID.
	ErrBadID = errors.New("streamzone: not an id")

	// ErrSlotRange refuses a slot outside 0..Slots-1.
	ErrSlotRange = errors.New("streamzone: no such slot")
	// ErrSlotClosed says that the slot is closed, or was opened again for another process.
	ErrSlotClosed = errors.New("streamzone: the slot is closed")
	// ErrSlotOpen says that the slot must be closed before it can be opened.
	ErrSlotOpen = errors.New("streamzone: the slot is open already")
	// ErrSlotBusy says that a living process holds the slot's lock byte.
	ErrSlotBusy = errors.New("streamzone: the slot's process is alive")
	// ErrKeeperBusy says that another living process keeps this zone.
	ErrKeeperBusy = errors.New("streamzone: the zone has a keeper already")

	// ErrSlotEmpty says that a slot was opened and its process has not joined yet,
	// or has died and the slot was not closed.
	ErrSlotEmpty = errors.New("streamzone: nobody is in an open slot")
	// ErrTooSmall refuses sizes that have no room for what lives.
	ErrTooSmall = errors.New("streamzone: the sizes are too small for the streams that live")
	// ErrNotFollowed says that a process did not do its part of a resize in time.
	ErrNotFollowed = errors.New("streamzone: a process did not follow in time")
	// ErrBusy says that too many claims came while a resize was prepared.
	ErrBusy = errors.New("streamzone: too many claims during a resize")
	// ErrMoved says that the zone was resized: another memory is in use.
	ErrMoved = errors.New("streamzone: the zone has moved")

	// ErrReadOnly says that the zone was attached, not joined.
	ErrReadOnly = errors.New("streamzone: the zone was not joined")
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("streamzone: closed")
)

// A TakenError is what Claim returns when the name has an owner.
// errors.Is(err, ErrTaken) holds for it.
type TakenError struct {
	Owner Entry // who has the name, as seen during the Claim
}

// Error names the owner's slot and claim.
func (e *TakenError) Error() string {
	return fmt.Sprintf("%v: slot %d, claim %v", ErrTaken, e.Owner.Slot, e.Owner.ID)
}

// Unwrap makes errors.Is(err, ErrTaken) hold.
func (e *TakenError) Unwrap() error { return ErrTaken }
