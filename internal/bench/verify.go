package bench

import (
	"bytes"
	"fmt"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// findings are what all verifying players saw.
type findings struct {
	faults   faults
	gaps     faults // each of one or more messages
	latency  histogram
	join     histogram
	anyStart bool // a stream may begin with another frame than a keyframe
}

// A verifier checks the messages of one player.
type verifier struct {
	*findings
	name    string
	stream  uint32
	begun   time.Time // when the player began to connect
	video   track
	audio   track
	run     uint32
	joined  bool   // it has had a keyframe
	joins   bool   // it leaves with that: what a server keeps for those who join is old
	missing int64  // messages
	scratch []byte // the message as it should be
}

// A track is what has come of one kind.
type track struct {
	begun     bool
	header    []byte
	next      uint32 // sequence number
	timestamp uint32
}

func newVerifier(f *findings, name string, begun time.Time) *verifier {
	return &verifier{findings: f, name: name, stream: streamID(name), begun: begun}
}

func (v *verifier) fault(format string, args ...any) {
	v.faults.add("%s: %s", v.name, fmt.Sprintf(format, args...))
}

// message checks one message of audio or video. Others pass: servers write their own metadata.
func (v *verifier) message(m *rtmp.Message) {
	arrived := monotonic()
	var tag flv.Tag
	t := &v.video
	switch m.Type {
	case rtmp.TypeVideo:
		tag = flv.ParseVideo(m.Payload)
	case rtmp.TypeAudio:
		tag, t = flv.ParseAudio(m.Payload), &v.audio
	default:
		return
	}
	switch {
	case tag.Type == flv.SequenceHeader:
		v.header(m, t)
	case tag.Type.Media():
		v.media(m, t, tag.Type == flv.Keyframe, arrived)
	}
}

// header checks a sequence header: it must be one of ours, and the same each time.
func (v *verifier) header(m *rtmp.Message, t *track) {
	if t.header != nil && !bytes.Equal(t.header, m.Payload) {
		v.fault("another %v sequence header than before", m.Type)
	}
	t.header = bytes.Clone(m.Payload)
}

func (v *verifier) media(m *rtmp.Message, t *track, keyframe bool, arrived int64) {
	s, ok := findStamp(m.Payload)
	if !ok {
		v.fault("%v of %d bytes without a stamp: was it published by rtmp-edge bench?", m.Type, len(m.Payload))
		return
	}
	v.scratch = appendMessage(v.scratch[:0], s.bounded())
	if i := difference(v.scratch, m.Payload); i >= 0 {
		v.fault("%v %d is wrong at byte %d of %d", m.Type, s.sequence, i, len(m.Payload))
		return
	}
	if t.header == nil {
		v.fault("%v %d before its sequence header", m.Type, s.sequence)
		t.header = []byte{}
	}
	v.order(m, t, &s)
	if m.Type == rtmp.TypeVideo && !v.joined {
		v.first(m, keyframe)
	}
	if !v.joins {
		v.latency.add(time.Duration(arrived - s.sent))
	}
}

// first deals with the first keyframe, and what should not come before it.
func (v *verifier) first(m *rtmp.Message, keyframe bool) {
	switch {
	case keyframe:
		v.joined = true
		v.join.add(time.Since(v.begun))
	case !v.anyStart:
		v.fault("%v begins with a frame that is no keyframe", m.Type)
		v.anyStart = true
	}
}

// order checks that a message is the one after the last of its kind.
func (v *verifier) order(m *rtmp.Message, t *track, s *stamp) {
	if s.stream != v.stream {
		v.fault("%v is of another stream", m.Type)
	}
	if t.begun {
		switch {
		case s.run != v.run:
			v.fault("another publisher")
		case s.sequence > t.next:
			v.missing += int64(s.sequence - t.next)
			v.gaps.add("%s: %v %d to %d are missing", v.name, m.Type, t.next, s.sequence-1)
		case s.sequence < t.next:
			v.fault("%v %d after %d", m.Type, s.sequence, t.next-1)
		}
		if int32(m.Timestamp-t.timestamp) < 0 {
			v.fault("%v %d has timestamp %d after %d", m.Type, s.sequence, m.Timestamp, t.timestamp)
		}
	}
	t.begun, t.next, t.timestamp, v.run = true, s.sequence+1, m.Timestamp, s.run
}

// bounded is the stamp with a size that no wrong byte can make too large.
func (s stamp) bounded() *stamp {
	s.size = min(s.size, maxMessage)
	return &s
}

// difference is the first byte in which two messages differ, or -1.
func difference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
