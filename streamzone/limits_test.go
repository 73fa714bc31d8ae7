package streamzone_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// edgeNames are names that a careless comparison would take for one another: of
// every length around the ends of words, of the hot node and of the longest
// name, with another last byte, and with zeros where the filling of a word is.
func edgeNames() (names []string) {
	lengths := []int{1022, 1023, 1024}
	for n := 1; n <= 40; n++ {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		same := strings.Repeat("n", n)
		names = append(names, same, same[:n-1]+"m", same[:n-1]+"\x00", strings.Repeat("\x00", n), strings.Repeat("\xff", n))
	}
	for c := range 256 {
		names = append(names, string([]byte{byte(c)}), "binary\xc3"+string([]byte{byte(c)}))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Every name is its own: claimed, found, listed and released without any other.
func TestEveryNameIsItself(t *testing.T) {
	names := edgeNames()
	_, z := newZone(t, streamzone.Config{Buckets: 3, Streams: len(names)}) // long chains: all are compared
	claims := make(map[string]streamzone.Claim, len(names))
	for i, name := range names {
		mustHave(t, z, name, nil)
		claims[name] = mustClaim(t, z, name)
		if i%2 == 1 { // the one before it in the order resembles it most
			id := claims[names[i-1]].ID()
			mustHave(t, z, names[i-1], &id)
		}
	}
	mustBeIdle(t, z, len(names))
	listed := map[string]streamzone.ID{}
	err := z.Range(func(name string, e streamzone.Entry) bool {
		if _, twice := listed[name]; twice {
			t.Errorf("%.50q is listed twice", name)
		}
		listed[name] = e.ID
		return true
	})
	if err != nil || len(listed) != len(names) {
		t.Fatalf("%d of %d listed, %v", len(listed), len(names), err)
	}
	for i, name := range names {
		id := claims[name].ID()
		mustHave(t, z, name, &id)
		if listed[name] != id {
			t.Fatalf("%.50q is listed as %v, want %v", name, listed[name], id)
		}
		if !z.Release(claims[name]) {
			t.Fatalf("%.50q is not released", name)
		}
		mustHave(t, z, name, nil)
		if i+1 < len(names) {
			next := claims[names[i+1]].ID()
			mustHave(t, z, names[i+1], &next)
		}
	}
	mustBeIdle(t, z, 0)
}

// mustRefuse wants the error, and no other of those that Claim has.
func mustRefuse(t *testing.T, err, want error) {
	t.Helper()
	for _, e := range []error{
		streamzone.ErrTaken, streamzone.ErrFull, streamzone.ErrBucketFull, streamzone.ErrNameEmpty, streamzone.ErrNameTooLong,
		streamzone.ErrCorrupt, streamzone.ErrSlotClosed, streamzone.ErrReadOnly, streamzone.ErrClosed, streamzone.ErrMoved,
	} {
		if errors.Is(err, e) != (e == want) { //nolint:errorlint // The table's own values.
			t.Fatalf("error %v, want %v", err, want)
		}
	}
}

// mustBeTaken wants a TakenError that tells who has the name.
func mustBeTaken(t *testing.T, err error, slot int, c streamzone.Claim) {
	t.Helper()
	mustRefuse(t, err, streamzone.ErrTaken)
	var taken *streamzone.TakenError
	if !errors.As(err, &taken) || taken.Owner.Slot != slot || taken.Owner.ID != c.ID() {
		t.Fatalf("error %v does not tell that slot %d has it with claim %v", err, slot, c.ID())
	}
	if text := err.Error(); !strings.Contains(text, fmt.Sprintf("slot %d", slot)) || !strings.Contains(text, c.ID().String()) {
		t.Fatalf("error %q does not name the owner", text)
	}
}

// A name that cannot be is refused by every call that takes one, also where
// the call would be refused anyhow, and counts as nothing.
func TestImpossibleNames(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 1})
	mustClaim(t, z, strings.Repeat("n", 1024)) // the longest, and the zone is full
	before := z.State()
	for name, want := range map[string]error{
		"":                            streamzone.ErrNameEmpty,
		strings.Repeat("n", 1025):     streamzone.ErrNameTooLong,
		strings.Repeat("\x00", 1<<16): streamzone.ErrNameTooLong,
		strings.Repeat("n", 1<<20):    streamzone.ErrNameTooLong,
	} {
		_, err := z.Claim(name)
		mustRefuse(t, err, want)
		_, err = z.Watch(name)
		mustRefuse(t, err, want)
		for _, z := range []*streamzone.Zone{z, k.Zone()} {
			_, ok, err := z.Lookup(name)
			mustRefuse(t, err, want)
			if ok {
				t.Errorf("a name of %d bytes is found", len(name))
			}
		}
	}
	if after := z.State(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("state %+v, was %+v", after, before)
	}
}

// A full zone refuses what is new, and nothing else; the dead take room until
// they are swept.
func TestFullZone(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 3})
	dying := joinSlot(t, k, 1)
	a, b := mustClaim(t, z, "a"), mustClaim(t, dying, "b")
	mustClaim(t, dying, "c")
	_, err := z.Claim("d")
	mustRefuse(t, err, streamzone.ErrFull)
	_, err = dying.Claim("a")
	mustBeTaken(t, err, 0, a)
	_, err = z.Claim("b")
	mustBeTaken(t, err, 1, b)

	if err := dying.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.CloseSlot(1); err != nil {
		t.Fatal(err)
	}
	mustHave(t, z, "b", nil)
	_, err = z.Claim("b") // free, but there is no node
	mustRefuse(t, err, streamzone.ErrFull)
	if n, err := k.Sweep(1); n != 2 || err != nil {
		t.Fatalf("swept %d, %v", n, err)
	}
	mustClaim(t, z, "b")
	mustClaim(t, z, "d")
	_, err = z.Claim("e")
	mustRefuse(t, err, streamzone.ErrFull)
	if !z.Release(a) {
		t.Fatal("not released")
	}
	mustClaim(t, z, "e")
	mustBeIdle(t, z, 3)
	if s := z.State().Slots[0]; s.Refused != 3 || s.Taken != 1 || s.Claims != 4 || s.Releases != 1 {
		t.Errorf("counters %+v, want 3 refused, 1 taken, 4 claims, 1 release", s)
	}
}

// A full bucket refuses what is new in it, and nothing else.
func TestFullBucket(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Buckets: 1000, Streams: 1000})
	dying := joinSlot(t, k, 1)
	names := sharing(z, z.ChainMax()+2)
	for _, name := range names[1:z.ChainMax()] {
		mustClaim(t, dying, name)
	}
	c := mustClaim(t, z, names[0])
	late, later := names[len(names)-2], names[len(names)-1]
	for _, z := range []*streamzone.Zone{z, dying} {
		_, err := z.Claim(late)
		mustRefuse(t, err, streamzone.ErrBucketFull)
		mustHave(t, z, late, nil)
		_, err = z.Claim(names[0])
		mustBeTaken(t, err, 0, c)
	}
	mustClaim(t, z, "flood is in another bucket"+elsewhere(z, names[0]))

	if !z.Release(c) { // makes room for one
		t.Fatal("not released")
	}
	mustClaim(t, z, late)
	_, err := z.Claim(later)
	mustRefuse(t, err, streamzone.ErrBucketFull)
	if err := dying.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.CloseSlot(1); err != nil {
		t.Fatal(err)
	}
	_, err = z.Claim(later) // nobody has the others any more, but they are in the chain
	mustRefuse(t, err, streamzone.ErrBucketFull)
	if n, err := k.Sweep(1); n != z.ChainMax()-1 || err != nil {
		t.Fatalf("swept %d, %v", n, err)
	}
	mustClaim(t, z, later)
	mustBeIdle(t, z, 3)
	if s := z.State(); s.Slots[0].Refused != 3 || s.Slots[1].Refused != 1 {
		t.Errorf("counters %+v, want 3 and 1 refused", s.Slots)
	}
}

// sharing makes names that share a bucket.
func sharing(z *streamzone.Zone, n int) (names []string) {
	for i := 0; len(names) < n; i++ {
		if name := fmt.Sprintf("flood-%d", i); z.Bucket(name) == z.Bucket("flood-0") {
			names = append(names, name)
		}
	}
	return names
}

// elsewhere makes the end of a name that is in another bucket than the given one.
func elsewhere(z *streamzone.Zone, name string) string {
	for i := 0; ; i++ {
		if end := fmt.Sprint(i); z.Bucket("flood is in another bucket"+end) != z.Bucket(name) {
			return end
		}
	}
}

// Who may only read is told so, and who has left likewise, whatever the name.
func TestWhoMayNotClaim(t *testing.T) {
	k, z := newZone(t, streamzone.Config{})
	c := mustClaim(t, z, "live/x")
	reader := k.Zone()
	_, err := reader.Claim("live/x")
	mustRefuse(t, err, streamzone.ErrReadOnly)
	_, err = reader.Watch("live/x")
	mustRefuse(t, err, streamzone.ErrReadOnly)
	if reader.Release(c) {
		t.Error("a reader released a claim")
	}
	id := c.ID()
	mustHave(t, reader, "live/x", &id)

	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = z.Claim("live/x")
	mustRefuse(t, err, streamzone.ErrClosed)
	_, err = z.Watch("live/x")
	mustRefuse(t, err, streamzone.ErrClosed)
	_, _, err = z.Lookup("live/x")
	mustRefuse(t, err, streamzone.ErrClosed)
	mustRefuse(t, z.Range(func(string, streamzone.Entry) bool { return true }), streamzone.ErrClosed)
	mustRefuse(t, z.Check(), streamzone.ErrClosed)
	mustRefuse(t, z.CheckIdle(), streamzone.ErrClosed)
	if z.Release(c) || z.State().Capacity != 0 {
		t.Error("a closed zone released a claim, or has a state")
	}
	mustHave(t, reader, "live/x", &id) // until its slot is closed
}
