package e2e

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A tracker checks all that one player gets:
//   - metadata and sequence headers come before the first frame, and are those of the publisher;
//   - the first frame is a keyframe; from there on no message is missing, doubled, damaged or out of order;
//   - after a publisher's end the next one starts on a keyframe, with its own headers;
//   - timestamps never step back, and differ from the publisher's by a constant (0 for the first publisher seen,
//     unless the stream had an earlier one).
type tracker struct {
	// Static.
	mayLag    bool // a gap is no failure where it ends at a keyframe
	strange   bool // what is neither a record nor a header is no failure
	unchecked bool // nothing is
	keep      bool // every message is kept

	mu       sync.Mutex
	problem  error // the first
	headers  map[string][]byte
	first    record
	last     record
	shift    uint32 // timestamp received − sent, in this run
	lastTS   uint32
	messages int      // records
	runs     []uint32 // publishers seen
	gaps     int
	kinds    map[recordKind]int
	kept     []rtmp.Message
}

// seen is a copy of what a tracker has seen.
type seen struct {
	messages int
	first    record
	last     record
	lastTS   uint32
	shift    uint32
	runs     []uint32
	gaps     int
	kinds    map[recordKind]int
}

func (k *tracker) seen() (seen, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kinds := map[recordKind]int{}
	for kind, n := range k.kinds {
		kinds[kind] = n
	}
	return seen{
		messages: k.messages, first: k.first, last: k.last, lastTS: k.lastTS, shift: k.shift, gaps: k.gaps,
		runs: append([]uint32(nil), k.runs...), kinds: kinds,
	}, k.problem
}

func (k *tracker) keptMessages() []rtmp.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]rtmp.Message(nil), k.kept...)
}

// message takes the next message of the player; an error is the first violation.
func (k *tracker) message(m *rtmp.Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keep {
		k.kept = append(k.kept, *m)
	}
	if k.problem == nil && !k.unchecked {
		k.problem = k.check(m)
	}
	return k.problem
}

func (k *tracker) check(m *rtmp.Message) error {
	// Metadata has no time of its own; servers send it with 0 at any time.
	if k.messages > 0 && int32(m.Timestamp-k.lastTS) < 0 && !isMetadata(m) {
		return fmt.Errorf("%v after number %d: the timestamp steps back from %d to %d", m.Type, k.last.number, k.lastTS, m.Timestamp)
	}
	r, ok, err := recordIn(m)
	if err != nil {
		return fmt.Errorf("%v after number %d: %w", m.Type, k.last.number, err)
	}
	if !ok {
		return k.header(m)
	}
	if wanted := messageType(r.kind); m.Type != wanted {
		return fmt.Errorf("number %d: a %v message instead of %v", r.number, m.Type, wanted)
	}
	if k.messages == 0 || r.run != k.last.run {
		err = k.begin(m, &r)
	} else {
		err = k.follow(m, &r)
	}
	if err != nil {
		return err
	}
	if k.kinds == nil {
		k.kinds = map[recordKind]int{}
	}
	if k.messages == 0 {
		k.first = r
	}
	k.kinds[r.kind]++
	k.messages++
	k.last, k.lastTS = r, m.Timestamp
	return nil
}

// header keeps metadata and sequence headers until the frame that they belong to.
func (k *tracker) header(m *rtmp.Message) error {
	var name string
	switch {
	case isMetadata(m):
		name = "metadata"
	case m.Type == rtmp.TypeVideo && bytes.HasPrefix(m.Payload, []byte{0x17, 0}):
		name = "video header"
	case m.Type == rtmp.TypeAudio && bytes.HasPrefix(m.Payload, []byte{0xaf, 0}):
		name = "audio header"
	case k.strange:
		return nil
	default:
		return fmt.Errorf("%v of %d bytes after number %d: neither a record nor a header: %x…",
			m.Type, len(m.Payload), k.last.number, m.Payload[:min(len(m.Payload), 32)])
	}
	if k.headers == nil {
		k.headers = map[string][]byte{}
	}
	k.headers[name] = m.Payload
	return nil
}

// begin takes the first record of a publisher.
func (k *tracker) begin(m *rtmp.Message, r *record) error {
	if r.kind != keyframe {
		return fmt.Errorf("run %d starts with kind %d number %d, not with a keyframe", r.run, r.kind, r.number)
	}
	for name, want := range map[string][]byte{
		"metadata": metadata(r.run), "video header": videoHeader, "audio header": audioHeader,
	} {
		if got := k.headers[name]; !bytes.Equal(got, want) {
			return fmt.Errorf("%s before the first frame of run %d is %x, not %x", name, r.run, got, want)
		}
	}
	k.runs = append(k.runs, r.run)
	k.shift = m.Timestamp - r.timestamp
	return nil
}

// follow takes a record of the same publisher as the last.
func (k *tracker) follow(m *rtmp.Message, r *record) error {
	if r.number != k.last.number+1 {
		if !k.mayLag || r.number <= k.last.number || r.kind != keyframe {
			return fmt.Errorf("number %d (kind %d) follows number %d", r.number, r.kind, k.last.number)
		}
		k.gaps++
	}
	if shift := m.Timestamp - r.timestamp; shift != k.shift {
		return fmt.Errorf("number %d: sent with timestamp %d, received with %d, but the shift was %d",
			r.number, r.timestamp, m.Timestamp, k.shift)
	}
	return nil
}

func messageType(k recordKind) rtmp.MessageType {
	switch k {
	case audioFrame:
		return rtmp.TypeAudio
	case marker:
		return rtmp.TypeData
	default:
		return rtmp.TypeVideo
	}
}

func isMetadata(m *rtmp.Message) bool {
	return m.Type == rtmp.TypeData && bytes.HasPrefix(m.Payload, amfString("onMetaData"))
}
