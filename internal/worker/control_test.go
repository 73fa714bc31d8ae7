package worker

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A controlled worker waits for its master's word.
type controlled struct {
	*Worker
	t      *testing.T
	keeper *streamzone.Keeper
	master *handover.Conn
	log    bytes.Buffer // to be read when it has ended
	ended  chan ended
}

type ended struct {
	within time.Duration
	orphan bool
}

func control(t *testing.T) *controlled {
	t.Helper()
	keeper, err := streamzone.Create(streamzone.Config{Buckets: 7, Streams: 10, NameMax: 64})
	if err != nil {
		t.Fatal(err)
	}
	const slot = 5
	epoch, err := keeper.OpenSlot(slot)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := streamzone.Join(keeper.File(), slot, epoch)
	if err != nil {
		t.Fatal(err)
	}
	master, f, err := handover.Pair()
	if err != nil {
		t.Fatal(err)
	}
	end, err := handover.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		master.Close()
		end.Close()
		if err := zone.Close(); err != nil {
			t.Error(err)
		}
		if err := keeper.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &controlled{t: t, keeper: keeper, master: master, ended: make(chan ended, 1)}
	c.Worker = &Worker{
		start: handover.Start{Slot: slot, Config: config.Default()}, zone: zone, log: slog.New(slog.NewTextHandler(&c.log, nil)),
	}
	c.settings.Store(&settings{cfg: c.start.Config})
	go func() {
		var e ended
		e.within, e.orphan = c.untilStop(end)
		c.ended <- e
	}()
	return c
}

// heard waits for the worker's answer.
func (c *controlled) heard() {
	c.t.Helper()
	late := time.AfterFunc(10*time.Second, func() { c.master.Close() })
	defer late.Stop()
	if m, err := c.master.Receive(); err != nil || m.Kind != handover.KindHeard {
		c.t.Fatalf("received %q, %v", m.Kind, err)
	}
}

// awaitEnd waits until the worker is told to end, or thinks so.
func (c *controlled) awaitEnd() ended {
	c.t.Helper()
	select {
	case e := <-c.ended:
		return e
	case <-time.After(10 * time.Second):
		c.t.Fatal("the worker does not end")
		return ended{}
	}
}

// sizes checks what the worker tells of its zone, once it uses the one of the keeper.
func (c *controlled) sizes(buckets, streams, live int) {
	c.t.Helper()
	var got string
	want := fmt.Sprint(buckets, streams, 64, live)
	for end := time.Now().Add(10 * time.Second); got != want; time.Sleep(time.Millisecond) { // it switches by itself
		info, err := local{c.Worker}.Zone()
		if got = fmt.Sprint(info.Buckets, info.Capacity, info.NameMax, info.Live); err != nil || time.Now().After(end) {
			c.t.Fatalf("the worker sees %s, want %s; %v", got, want, err)
		}
	}
}

// The worker follows to one zone after the other, with its streams, until it is told to end.
func TestFollowUntilStop(t *testing.T) {
	t.Parallel()
	c := control(t)
	claim, err := c.zone.Claim("live/x")
	if err != nil {
		t.Fatal(err)
	}
	for i, sizes := range [][2]int{{70, 100}, {1, 1}, {1 << 10, 1 << 12}} {
		resized, err := c.keeper.Resize(streamzone.Config{Buckets: sizes[0], Streams: sizes[1], NameMax: 64}, 5*time.Second, func(f *os.File) error {
			return c.master.Send(handover.KindZone, nil, f)
		})
		if err != nil || resized.Live != 1 {
			t.Fatalf("Resize = %+v, %v", resized, err)
		}
		c.heard()
		c.sizes(sizes[0], sizes[1], 1)
		if e, ok, err := c.zone.Lookup("live/x"); err != nil || !ok || e.ID != claim.ID() {
			t.Errorf("after resize %d the stream is %v, %v, %v; it was %v", i, e.ID, ok, err, claim.ID())
		}
	}
	if err := c.master.Send(handover.KindStop, handover.Stop{Within: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if e := c.awaitEnd(); e.orphan || e.within != time.Minute {
		t.Errorf("it ends %+v", e)
	}
	if c.log.Len() > 0 {
		t.Errorf("logged:\n%s", c.log.String())
	}
}

// What it can't follow to is logged and answered, and it stays where it is. No descriptor is left open.
func TestFollowToNothing(t *testing.T) {
	t.Parallel()
	c := control(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, files := range [][]*os.File{nil, {null}, {w, w}} {
		if err := c.master.Send(handover.KindZone, nil, files...); err != nil {
			t.Fatal(err)
		}
		c.heard()
		c.sizes(7, 10, 0)
	}
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("the worker holds a descriptor of what it can't follow to: %d, %v", n, err)
	}
	c.master.Close()
	if e := c.awaitEnd(); !e.orphan || e.within != config.Default().ShutdownTimeout {
		t.Errorf("it ends %+v", e)
	}
	if n := strings.Count(c.log.String(), "can't follow to the new stream zone"); n != 3 {
		t.Errorf("%d failures are logged:\n%s", n, c.log.String())
	}
}

// A word that it does not know is the end.
func TestObeyUnknownWord(t *testing.T) {
	t.Parallel()
	c := control(t)
	if err := c.master.Send(handover.KindReady, nil); err != nil {
		t.Fatal(err)
	}
	if e := c.awaitEnd(); !e.orphan {
		t.Errorf("it ends %+v", e)
	}
	if !strings.Contains(c.log.String(), "unexpected message") {
		t.Errorf("logged:\n%s", c.log.String())
	}
}
