package streamzone

// A point is a place between two steps at which the tests kill the process, or
// hold it up. They are numbered in the order of the lives of node and zone. A
// program built without the tag "torture" has none of them.
type point int

// What a process does at each point comes after it: a process that is killed
// at atSeized has not yet taken the hint back.
const (
	_ point = iota

	// A claim.
	atSeizing    // a free node has been seen, and not taken
	atSeized     // the node is CLAIMING, and still has its hint
	atHintGone   // its hint is gone
	atHintLost   // a node that was freed meanwhile has just lost its hint
	atHalfFilled // the hash is written, the name is not
	atFilled     // name and length are written
	atAimed      // next points to the head, the node is CLAIMING
	atPrivate    // LIVE, in no chain
	atLinked     // in the chain; nobody has been rung
	atRefused    // to be given back: the name is taken
	atGivenBack  // FREE again, without a hint

	// A ring.
	atInterest // a slot's interest has been seen
	atDirty    // its dirty bit is set, the bell is not rung
	atBell     // the bell has gone up, nobody has been woken

	// A release, and what a sweep does of it.
	atDeleted   // RELEASING
	atMarked    // marked, in the chain
	atUnlinking // before the swap of a link past a marked node
	atUnlinked  // after it, unverified
	atVerified  // a complete walk has not met the node
	atFreed     // FREE, without a hint

	// Any walk.
	atLooked  // a lookup has its answer, and does not know yet whether the zone has moved
	atArrived // at a node: its state is known
	atRead    // what it holds has been read; its state has not been read again

	// Waiting.
	atWatched // the interest is set, nothing has been looked up since
	atHeard   // the bell has been read, the dirty bits have not
	atTaken   // the dirty bits are taken, nobody has been told

	// A process joins, and follows into another zone.
	atJoining   // the slot's lock byte is held
	atFollowing // the successor is mapped, its lock byte is not held
	atFollowed  // it is held
	atFrozen    // no claim is under way, the keeper has not been told
	atFroze     // it has
	atMoving    // interests are registered in the successor
	atMoved     // the successor is in use, the gate is still shut

	// The keeper.
	atOpening   // OpenSlot: what the last process left is cleared
	atOpened    // the epoch is odd
	atClosing   // CloseSlot: the slot's lock byte is ours
	atClosed    // the epoch is even, nobody has been rung
	atSweeping  // Sweep: a dead node was found
	atSwept     // every node is done, the hints are not repaired
	atPrepared  // Resize: the successor exists, nobody knows it
	atPassed    // everybody has been given it
	atFreezing  // the status says so, nobody has been rung
	atAllFrozen // everybody stands still
	atCopying   // one stream is copied
	atCopied    // all are
	atCommitted // the status says MOVED, nobody has been rung
	atAborted   // the status says READY again, nobody has been rung
)
