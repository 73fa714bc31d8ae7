// Package streamzone is a registry in memory shared by processes: stream name →
// the worker process that owns the stream.
//
// A master makes the zone, passes its file to each worker, and gives each a slot:
//
//	k, err := streamzone.Create(streamzone.Config{})
//	epoch, err := k.OpenSlot(slot)
//	cmd.ExtraFiles = []*os.File{k.File()} // and slot and epoch by another way
//	…
//	err = cmd.Wait()
//	err = k.CloseSlot(slot) // its streams are gone, whoever waits is woken
//	n, err := k.Sweep(slot) // their room is free again; may be done later
//
// A worker joins, claims the names that are published to it, and looks up those
// that are played from it:
//
//	z, err := streamzone.Join(os.NewFile(3, "zone"), slot, epoch)
//	c, err := z.Claim("live/name")
//	if errors.Is(err, streamzone.ErrTaken) { … }
//	defer z.Release(c)
//
//	e, ok, err := z.Lookup("live/other")
//	w, err := z.Watch("live/other") // to wait for it: see Watch
//
// A zone whose sizes no longer fit is exchanged for another, with all that lives
// in it: the master calls Keeper.Resize, each worker Zone.Follow.
//
// No lock is ever held in the memory, so a process may be killed at any
// instruction and there is nothing to recover: every transition is one
// compare-and-swap of a 64-bit word, every state between two of them is legal,
// and each says whose it is. The death of a worker is one step of its slot's
// epoch, which ends the existence of all its streams at once.
//
// docs/streamzone-format.md explains why that is right. The rules R1 to R4 which the
// code refers to are:
//
//   - R1: a node is freed only after a complete walk from its bucket's head to
//     the end did not meet it.
//   - R2: only the responsible agent marks and frees a node: the goroutine that
//     deleted the stream or, if its process is dead, the one sweeper. Others
//     only unlink what is marked.
//   - R3: nodes are inserted at the head only, by their owner, once.
//   - R4: what was read from a node counts only if the node's state shows the
//     same life afterwards.
//
// The package runs on Linux, on amd64 and arm64.
package streamzone
