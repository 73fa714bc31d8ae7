package worker

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// Where some words of the zone are, in bytes: docs/streamzone-format.md.
const (
	masksAt = 13 * 8 // where the interests begin, each of two words
	epochAt = 1024   // the epoch of slot 0
	headsAt = 36864
)

// word reads a word of the zone's memory, or writes it.
func (s *served) word(at int64, set ...uint64) uint64 {
	s.t.Helper()
	var b [8]byte
	if len(set) == 1 {
		binary.LittleEndian.PutUint64(b[:], set[0])
		if _, err := s.keeper.File().WriteAt(b[:], at); err != nil {
			s.t.Fatal(err)
		}
		return set[0]
	}
	if _, err := s.keeper.File().ReadAt(b[:], at); err != nil {
		s.t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(b[:])
}

// bucket finds a name's bucket by the interest that a Watch leaves there.
func (s *served) bucket(key string) int {
	s.t.Helper()
	w, err := s.sibling.Watch(key)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Close()
	masks := int64(s.word(masksAt))
	for b := range s.zone.State().Buckets {
		if s.word(masks+int64(b)*16) != 0 {
			return b
		}
	}
	s.t.Fatalf("no interest in %s", key)
	return 0
}

// refuse publishes what must be refused, and checks all that follows.
func (s *served) refuse(name string, v verdict, first bool) {
	s.t.Helper()
	claims, publishes := s.counted("rtmpedge_zone_claims_total")[v.claim], s.counted("rtmpedge_publishes_total")[v.publish]
	_, err := s.publishOne(name)
	s.judge(err, v, first)
	if got := s.counted("rtmpedge_zone_claims_total")[v.claim]; got != claims+1 {
		s.t.Errorf("publish %s: %v claims counted as %s, were %v", name, got, v.claim, claims)
	}
	if got := s.counted("rtmpedge_publishes_total")[v.publish]; got != publishes+1 {
		s.t.Errorf("publish %s: %v counted as %s, were %v", name, got, v.publish, publishes)
	}
}

// accept publishes what must be accepted.
func (s *served) accept(name string) *rtmp.ClientConn {
	s.t.Helper()
	c, err := s.publishOne(name)
	if err != nil {
		s.t.Fatalf("publish %s: %v", name, err)
	}
	return c
}

// awaitLive waits until so many streams live.
func (s *served) awaitLive(n int) {
	s.t.Helper()
	for end := time.Now().Add(testTime); s.zone.State().Live != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%d streams live, want %d", s.zone.State().Live, n)
		}
	}
}

// A zone of two streams has room for a third only when one has ended.
func TestPublishToFullZone(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 2})
	first := s.accept("one")
	if _, err := s.sibling.Claim("live/two"); err != nil {
		t.Fatal(err)
	}
	s.refuse("three", fullVerdict, true)
	s.refuse("three", fullVerdict, false)
	s.refuse("one", takenVerdict, true) // full or not
	s.refuse("two", takenVerdict, true)
	first.Close()
	s.awaitLive(1)
	s.accept("three")
	s.refuse("one", fullVerdict, false)
	want := map[string]float64{metrics.ClaimOK: 2, metrics.ClaimFull: 3, metrics.ClaimTaken: 2}
	if diff := cmp.Diff(want, s.counted("rtmpedge_zone_claims_total")); diff != "" {
		t.Error(diff)
	}
}

// A bucket that is full refuses what falls into it, and nothing else. With the default sizes nobody gets there; here it takes a 16th of all names.
func TestPublishToFullBucket(t *testing.T) {
	s := serve(t, streamzone.Config{Buckets: 16, Streams: 1600})
	const most = 64 + 4*1600/16 // nodes of a bucket
	flooded := s.bucket("live/flood0")
	var others, shared []string // that share its bucket or do not
	for i := 0; len(shared) < most+2; i++ {
		name := fmt.Sprint("flood", i)
		if s.bucket("live/"+name) == flooded {
			shared = append(shared, name)
		} else {
			others = append(others, name)
		}
	}
	publisher := s.accept(shared[0])
	for _, name := range shared[1:most] {
		if _, err := s.sibling.Claim("live/" + name); err != nil {
			t.Fatal(err)
		}
	}
	s.refuse(shared[most], bucketVerdict, true)
	s.refuse(shared[most+1], bucketVerdict, false)
	s.accept(others[0])
	s.refuse(shared[1], takenVerdict, true)
	publisher.Close()
	s.awaitLive(most)
	s.accept(shared[most])
	s.refuse(shared[most+1], bucketVerdict, false)
}

// A zone that is damaged, or whose keeper thinks that this worker is dead, takes no streams; what is published already goes on.
func TestPublishToBrokenZone(t *testing.T) {
	s := serve(t, streamzone.Config{Buckets: 1, Streams: 5})
	s.accept("before")
	head := s.word(headsAt)
	s.word(headsAt, head|1) // a head is never marked
	s.refuse("damaged", otherVerdict, true)
	s.word(headsAt, head)

	epoch := s.word(epochAt)
	s.word(epochAt, epoch+1)
	s.refuse("dead", endVerdict, true)
	s.word(epochAt, epoch)
	s.accept("after")
	s.awaitLive(2)
	if got := s.counted("rtmpedge_publishes_total"); got[metrics.PublishOK] != 2 || got[metrics.PublishError] != 2 {
		t.Errorf("counted %v", got)
	}
}

// A name that the zone has no room for, since it is smaller than the configuration says, is told from a server without room.
func TestPublishTooLongForTheZone(t *testing.T) {
	s := serve(t, streamzone.Config{NameMax: 10})
	s.accept("12345")
	s.refuse("123456", nameVerdict, true)
}
