package fmp4

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// Payloads of tiny streams. Frames are no pictures: nothing here decodes them.
var (
	avcHeader  = append([]byte("\x17\x00\x00\x00\x00"), unhex("0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9601000468ef8fcbfdf8f800")...) // 640x360
	avcHeader2 = append([]byte("\x17\x00\x00\x00\x00"), unhex("0142c01effe100186742c01ed900a02ff97011000003 03e90000ea600f162e4801000568cb83cb20")...)
	avcKey     = []byte("\x17\x01\x00\x00\x50\x00\x00\x00\x02\x65\x00")
	avcInter   = []byte("\x27\x01\x00\x00\x50\x00\x00\x00\x02\x41\x00")
	hvcHeader  = append([]byte("\x90hvc1"), unhex("0121600000009000000000005df000fcfdf8f800000f 03 a00001 0018 40010c01ffff01600000030090000003000003005d959809 a10001 002b 42010101600000030090000003000003005da00280802d165959a4932bc05a020000030002000003003c10 a20001 0007 4401c172b46240")...)
	aacHeader  = []byte("\xaf\x00\x12\x10")     // 44100 Hz, stereo
	aacHeader2 = []byte("\xaf\x00\x11\x90")     // 48000 Hz, stereo
	aacHeader8 = []byte("\xaf\x00\x12\x38")     // 44100 Hz, 7.1
	aacFrame   = []byte("\xaf\x01\x21\x00\x49") // 23 ms
	speex      = []byte("\xb6\x00")
	h263       = []byte("\x12\x00")

	largeFrame = append([]byte("\x27\x01\x00\x00\x00\x00\x04\x93\xe0"), make([]byte, 300_000)...)
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// A step is a tag of a tiny stream.
type step struct {
	at      int
	payload []byte
}

// kindOf tells what a payload is. They can't tell by themselves; those here can.
func kindOf(payload []byte) byte {
	switch p := payload; {
	case p[0]&0x8f == 7, p[0] == h263[0], p[0] == 0x96, len(p) > 5 && p[0]&0xf0 == 0x90 && slices.Contains([]string{"hvc1", "av01", "vp09"}, string(p[1:5])):
		return tagVideo
	default:
		return tagAudio
	}
}

// tiny makes a stream of steps.
func tiny(flags byte, steps ...step) []byte {
	s := newFLV(flags)
	for _, x := range steps {
		s.tag(kindOf(x.payload), x.at, x.payload)
	}
	return s.Bytes()
}

// movie is video from one time to another, with a frame each 40 ms and a keyframe at the beginning and each second; and audio with it, if the header is
// given. The headers come first.
func movie(from, to int, video, audio []byte) (steps []step) {
	steps = append(steps, step{from, video})
	if audio != nil {
		steps = append(steps, step{from, audio})
	}
	sound := 0
	for i := 0; from+i*40 < to; i++ {
		picture := avcInter
		if i%25 == 0 {
			picture = avcKey
		}
		steps = append(steps, step{from + i*40, picture})
		for ; audio != nil && sound*1024*1000/44100 <= i*40; sound++ {
			steps = append(steps, step{from + sound*1024*1000/44100, aacFrame})
		}
	}
	return steps
}

// without removes tags of a kind between two times.
func without(steps []step, kind byte, from, to int) []step {
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool {
		return kindOf(s.payload) == kind && s.at >= from && s.at < to
	})
}

// end is where the samples end, in milliseconds.
func end(samples []writtenSample) int64 {
	last := samples[len(samples)-1]
	return last.at + last.duration
}

// holes are where samples don't follow each other.
func holes(t *testing.T, samples []writtenSample) (all [][2]int64) {
	t.Helper()
	for i, s := range samples[1:] {
		const rounding = 1
		switch was := samples[i].at + samples[i].duration; {
		case s.at > was+rounding:
			all = append(all, [2]int64{was, s.at})
		case s.at < was-rounding:
			t.Errorf("the sample at %d begins before the one before ends, %d", s.at, was)
		}
	}
	return all
}
