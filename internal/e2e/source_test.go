package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// A recordKind says what a record was sent as.
type recordKind byte

const (
	keyframe recordKind = iota + 1
	interframe
	audioFrame
	marker // a data message
)

// A record is what a verifying publisher puts into each message, so that a player can tell whether it got every one,
// whole and in order:
//
//	 0       4      8       16          20     21        24     28      n-4
//	+-------+------+--------+-----------+------+----------+------+---…---+-------+
//	| magic | run  | number | timestamp | kind | reserved | size | noise | CRC32 |
//	+-------+------+--------+-----------+------+----------+------+---…---+-------+
type record struct {
	run       uint32 // which publisher
	number    uint64 // counts every message of the publisher, of any kind
	timestamp uint32 // as sent
	kind      recordKind
}

const (
	recordMagic   = "E2E1"
	recordMinSize = 32
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	noise      = func() []byte {
		random := rand.New(rand.NewPCG(1, 2))
		b := make([]byte, 1<<16)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}()
)

func (r *record) append(dst []byte, size int) []byte {
	size = max(size, recordMinSize)
	start := len(dst)
	dst = append(dst, recordMagic...)
	dst = binary.BigEndian.AppendUint32(dst, r.run)
	dst = binary.BigEndian.AppendUint64(dst, r.number)
	dst = binary.BigEndian.AppendUint32(dst, r.timestamp)
	dst = append(dst, byte(r.kind), 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	for from := int(r.number*31) % len(noise); len(dst)-start < size-4; from = 0 {
		dst = append(dst, noise[from:min(len(noise), from+size-4-(len(dst)-start))]...)
	}
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

var errRecord = errors.New("not a whole record")

func parseRecord(b []byte) (record, error) {
	if len(b) < recordMinSize || string(b[:4]) != recordMagic || binary.BigEndian.Uint32(b[24:]) != uint32(len(b)) {
		return record{}, fmt.Errorf("%w: %d bytes, %x…", errRecord, len(b), b[:min(len(b), recordMinSize)])
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return record{}, fmt.Errorf("%w: wrong checksum in number %d", errRecord, binary.BigEndian.Uint64(b[8:]))
	}
	return record{
		run:       binary.BigEndian.Uint32(b[4:]),
		number:    binary.BigEndian.Uint64(b[8:]),
		timestamp: binary.BigEndian.Uint32(b[16:]),
		kind:      recordKind(b[20]),
	}, nil
}

// What stands before a record in each kind of message.
var (
	// Frame type and codec, AVC packet type 1, composition time; NAL unit length (to be filled in), NAL unit type
	// (FLV 10.1, E.4.3.1; H.264 7.3.1).
	keyframePrefix   = []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 0, 0x65}
	interframePrefix = []byte{0x27, 1, 0, 0, 0, 0, 0, 0, 0, 0x41}
	// AAC, 44.1 kHz, 16 bit, stereo; raw (FLV 10.1, E.4.2.1).
	audioPrefix = []byte{0xaf, 1}
	// A string "onMarker"; the record follows as a string, with its length to be filled in.
	markerPrefix = append(amfString("onMarker"), 0x02, 0, 0)

	setDataFrame = amfString("@setDataFrame")

	// Of 320x180 H.264 by x264, and of AAC.
	videoHeader = []byte("\x17\x00\x00\x00\x00\x01\x42\xc0\x0c\xff\xe1\x00\x17\x67\x42\xc0\x0c\xda\x05\x06\x7e\x7c" +
		"\x04\x40\x00\x00\x03\x00\x40\x00\x00\x0c\xa3\xc5\x0a\xa8\x01\x00\x04\x68\xce\x0f\xc8")
	audioHeader = []byte{0xaf, 0, 0x12, 0x10}
)

func amfString(s string) []byte {
	b := []byte{0x02, byte(len(s) >> 8), byte(len(s))}
	return append(b, s...)
}

// recordIn finds the record in a message; false is a message that carries none, like a sequence header.
func recordIn(m *rtmp.Message) (record, bool, error) {
	prefix := len(m.Payload)
	switch {
	case m.Type == rtmp.TypeVideo && len(m.Payload) > 1 && m.Payload[0]&0x0f == 7 && m.Payload[1] == 1:
		prefix = len(keyframePrefix)
	case m.Type == rtmp.TypeAudio && bytes.HasPrefix(m.Payload, audioPrefix):
		prefix = len(audioPrefix)
	case m.Type == rtmp.TypeData && bytes.HasPrefix(m.Payload, amfString("onMarker")):
		prefix = len(markerPrefix)
	}
	if prefix >= len(m.Payload) {
		return record{}, false, nil
	}
	r, err := parseRecord(m.Payload[prefix:])
	return r, true, err
}

// metadata is the onMetaData of a run, as a player shall get it.
func metadata(run uint32) []byte {
	b := amfString("onMetaData")
	b, err := amf0.Append(b, amf0.ECMAArray{
		{Key: "width", Value: 320.0},
		{Key: "height", Value: 180.0},
		{Key: "framerate", Value: 25.0},
		{Key: "videocodecid", Value: 7.0},
		{Key: "audiocodecid", Value: 10.0},
		{Key: "encoder", Value: "rtmp-edge e2e"},
		{Key: "run", Value: float64(run)},
	})
	if err != nil {
		panic(err) // every value above is of a type that amf0 knows
	}
	return b
}

// A source makes the messages of one stream: 25 video frames and 43 audio frames a second, one keyframe and one data
// message a second. The upper fields may be changed before the first message.
type source struct {
	run                         uint32
	keySize, interSize, auxSize int // bytes of a record
	noMarkers                   bool

	start uint32 // timestamp of the first message

	number  uint64
	videoAt uint32 // milliseconds after start
	audioAt uint32
	frames  int
	marked  bool // the GOP's data message has been sent
}

const (
	videoInterval = 40 // ms
	audioInterval = 23
	gopFrames     = 25
)

func newSource(run uint32) *source {
	return &source{run: run, keySize: 6000, interSize: 1200, auxSize: 180}
}

// bitrate sets the sizes for about so many bits a second.
func (s *source) bitrate(bits int) *source {
	perSecond := bits/8 - 44*s.auxSize
	s.interSize = perSecond / (gopFrames + 4) // a keyframe has five times the size
	s.keySize = 5 * s.interSize
	return s
}

// headers are what comes before the first frame.
func (s *source) headers() []rtmp.Message {
	return []rtmp.Message{
		{Type: rtmp.TypeData, Timestamp: s.start, Payload: append(bytes.Clone(setDataFrame), metadata(s.run)...)},
		{Type: rtmp.TypeVideo, Timestamp: s.start, Payload: videoHeader},
		{Type: rtmp.TypeAudio, Timestamp: s.start, Payload: audioHeader},
	}
}

// next makes the next message; its time is how many milliseconds after the first it is due.
func (s *source) next() (m rtmp.Message, due uint32) {
	switch {
	case !s.noMarkers && !s.marked && s.frames%gopFrames == 1:
		s.marked = true
		due = s.videoAt - videoInterval
		m = rtmp.Message{Type: rtmp.TypeData, Payload: s.record(markerPrefix, marker, due, s.auxSize)}
		size := len(m.Payload) - len(markerPrefix)
		binary.BigEndian.PutUint16(m.Payload[len(markerPrefix)-2:], uint16(size))
	case s.audioAt < s.videoAt:
		due = s.audioAt
		s.audioAt += audioInterval
		m = rtmp.Message{Type: rtmp.TypeAudio, Payload: s.record(audioPrefix, audioFrame, due, s.auxSize)}
	default:
		due = s.videoAt
		s.videoAt += videoInterval
		prefix, kind, size := interframePrefix, interframe, s.interSize
		if s.frames%gopFrames == 0 {
			prefix, kind, size = keyframePrefix, keyframe, s.keySize
			s.marked = false
		}
		s.frames++
		m = rtmp.Message{Type: rtmp.TypeVideo, Payload: s.record(prefix, kind, due, size)}
		binary.BigEndian.PutUint32(m.Payload[5:], uint32(len(m.Payload)-9))
	}
	m.Timestamp = s.start + due
	return m, due
}

func (s *source) record(prefix []byte, kind recordKind, due uint32, size int) []byte {
	r := record{run: s.run, number: s.number, timestamp: s.start + due, kind: kind}
	s.number++
	return r.append(bytes.Clone(prefix), size)
}
