//go:build torture

package streamzone_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A tortured keeper is the master's part, in a process of its own: it is killed
// as the workers are.
type torturedKeeper struct {
	*streamzone.Keeper
	o       oracle
	control *net.UnixConn
}

func keeperProgram() error {
	o, err := mapOracle(os.NewFile(fdOracle, "oracle"))
	if err != nil {
		return err
	}
	control, err := asControl(os.NewFile(fdControl, "control"))
	if err != nil {
		return err
	}
	sabotage(o, roleKeeper, keeperPlace)
	k := &torturedKeeper{o: o, control: control}
	did, err := k.adopt()
	if err != nil {
		o.fault("adopt: %v", err)
		return err
	}
	k.serve(reply{Did: did, Closed: k.redo()})
	return k.Close()
}

// serve does what the supervisor asks for, until that ends or wants us to.
func (k *torturedKeeper) serve(r reply) {
	for sendJSON(k.control, r, nil) == nil {
		var q request
		if _, err := receiveJSON(k.control, &q); err != nil {
			return
		}
		var err error
		if r, err = k.do(q); err != nil {
			k.o.fault("keeper, %s: %v", q.Do, err)
			r.Did = didAll
		}
	}
}

// adopt takes the zone over, or the one that it has moved to.
func (k *torturedKeeper) adopt() (did string, err error) {
	k.Keeper, err = streamzone.Adopt(os.NewFile(fdZone, "zone"))
	if !errors.Is(err, streamzone.ErrMoved) {
		return didAll, err
	}
	k.Keeper, err = streamzone.Adopt(os.NewFile(fdNext, "zone"))
	return didMoved, err
}

// redo does what the last keeper may have left undone: the slots of the dead
// are closed and swept.
func (k *torturedKeeper) redo() (closed [places]bool) {
	for place := range places {
		err := k.close(place)
		if err == nil {
			_, err = k.Sweep(placeSlots[place])
			closed[place] = true
		}
		if err != nil && !errors.Is(err, streamzone.ErrSlotBusy) {
			k.o.fault("keeper, slot %d: %v", placeSlots[place], err)
		}
	}
	return closed
}

func (k *torturedKeeper) do(q request) (reply, error) {
	r := reply{Did: didAll}
	var err error
	switch q.Do {
	case "open":
		r.Epoch, err = k.open(q.Place)
	case "close":
		err = k.close(q.Place)
		if q.Alive && errors.Is(err, streamzone.ErrSlotBusy) {
			err = nil
		}
	case "sweep":
		r.N, err = k.Sweep(placeSlots[q.Place])
	case "check":
		err = k.Zone().Check()
	case "resize":
		return k.resize(q)
	default:
		err = errors.New("what?")
	}
	return r, err
}

func (k *torturedKeeper) epoch(place int) uint64 {
	return uint64(k.Zone().Epoch(placeSlots[place]))
}

func (k *torturedKeeper) open(place int) (uint16, error) {
	next := k.epoch(place) + 1
	k.o.place(place, placeOpening).Store(next)
	epoch, err := k.OpenSlot(placeSlots[place])
	if err == nil && uint64(epoch) != next {
		err = fmt.Errorf("epoch %d follows %d", epoch, next-1)
	}
	return epoch, err
}

// close marks the end of an epoch in the oracle before it comes, and after.
func (k *torturedKeeper) close(place int) error {
	last := k.epoch(place)
	if last == 0 {
		return nil // never open
	}
	last -= 1 - last%2 // the last at which it was open
	closing := k.o.place(place, placeClosing)
	was := closing.Swap(last)
	err := k.CloseSlot(placeSlots[place])
	if err == nil {
		k.o.place(place, placeClosed).Store(last)
	} else {
		closing.Store(min(was, last-1))
	}
	return err
}

// resize reports what was refused; it must be for a reason that there can be.
func (k *torturedKeeper) resize(q request) (reply, error) {
	cfg := streamzone.Config{Buckets: q.Buckets, Streams: q.Streams, NameMax: tortureNameMax}
	done, err := k.Resize(cfg, q.Within, k.pass)
	switch {
	case errors.Is(err, streamzone.ErrTooSmall):
		return reply{Did: didTooMany}, nil
	case errors.Is(err, streamzone.ErrSlotEmpty):
		return reply{Did: didEmpty}, nil
	case errors.Is(err, streamzone.ErrNotFollowed):
		return reply{Did: didNot}, nil
	}
	return reply{Did: didAll, N: done.Live, Frozen: done.Frozen}, err
}

// pass gives the successor to the supervisor, who passes it on.
func (k *torturedKeeper) pass(f *os.File) error {
	if err := sendJSON(k.control, reply{Did: didPass}, f); err != nil {
		return err
	}
	// The supervisor's word that it has; it is nothing that could go wrong.
	if err := k.control.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var q request
	_, err := receiveJSON(k.control, &q)
	return errors.Join(err, k.control.SetReadDeadline(time.Time{}))
}
