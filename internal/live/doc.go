// Package live holds the streams of one worker: what a publisher or a relay feeds in is sent on to any number of players.
//
// A stream is a log, a player is a cursor. A [Feed] appends packets, each framed once for RTMP, so that its bytes are the same for every
// player. A [Player] holds a position in the log and no queue of its own: memory does not grow with slow players. A few senders go round all
// players, and write to each what it has not had, with one write that never blocks; a player whose socket is full leaves its sender and waits
// in a goroutine of its own until there is room again. As senders have more to do, packets wait longer for others: see [Flush].
//
// Players get the publisher's timestamps as they are, unless those step back or jump: see docs/live.md.
//
// A player that falls out of the log is moved to the newest keyframe. One whose socket takes nothing for the stall timeout is closed.
//
// Locks nest in this order, and none is held across I/O: Hub.mu, Stream.mu, Player.mu or sender.mu.
package live
