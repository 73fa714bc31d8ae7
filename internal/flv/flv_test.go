package flv

import (
	"bytes"
	"testing"
)

var videoTags = []struct {
	name    string
	payload []byte
	want    VideoTag
}{
	{"empty", nil, VideoTag{}},
	{"avc sequence header", []byte{0x17, 0, 0, 0, 0, 1}, VideoTag{Codec: "h264", SequenceHeader: true}},
	{"avc keyframe", []byte{0x17, 1, 0, 0, 0}, VideoTag{Codec: "h264", Keyframe: true}},
	{"avc inter frame", []byte{0x27, 1, 0, 0, 0}, VideoTag{Codec: "h264"}},
	{"avc end of sequence", []byte{0x17, 2, 0, 0, 0}, VideoTag{Codec: "h264"}},
	{"avc cut short", []byte{0x17}, VideoTag{Codec: "h264"}},
	{"h263 keyframe", []byte{0x12, 9}, VideoTag{Codec: "flv1", Keyframe: true}},
	{"command frame", []byte{0x57, 0}, VideoTag{Codec: "h264"}},
	{"legacy hevc header", []byte{0x1c, 0, 0, 0, 0}, VideoTag{Codec: "hevc", SequenceHeader: true}},
	{"enhanced hevc header", []byte("\x90hvc1\x01"), VideoTag{Codec: "hevc", SequenceHeader: true}},
	{"enhanced hevc keyframe", []byte("\x91hvc1\x00\x00\x00"), VideoTag{Codec: "hevc", Keyframe: true}},
	{"enhanced hevc keyframe X", []byte("\x93hvc1"), VideoTag{Codec: "hevc", Keyframe: true}},
	{"enhanced av1 inter frame", []byte("\xa1av01"), VideoTag{Codec: "av1"}},
	{"enhanced metadata", []byte("\x94hvc1"), VideoTag{Codec: "hevc"}},
	{"multitrack header", []byte("\x96\x00av01\x00"), VideoTag{Codec: "av1", SequenceHeader: true}},
	{"multitrack keyframe, many codecs", []byte("\x96\x21\x00av01"), VideoTag{Keyframe: true}},
	{"unknown FourCC", []byte("\x91zzzz"), VideoTag{Codec: "zzzz", Keyframe: true}},
	{"binary FourCC", []byte("\x91\x00\n\x1b\xff"), VideoTag{Codec: "unknown", Keyframe: true}},
	{"enhanced, cut short", []byte("\x90hv"), VideoTag{SequenceHeader: true}},
}

func TestParseVideo(t *testing.T) {
	for _, c := range videoTags {
		t.Run(c.name, func(t *testing.T) {
			if got := ParseVideo(c.payload); got != c.want {
				t.Errorf("ParseVideo(%x) = %+v, want %+v", c.payload, got, c.want)
			}
		})
	}
}

var audioTags = []struct {
	name    string
	payload []byte
	want    AudioTag
}{
	{"empty", nil, AudioTag{}},
	{"aac header", []byte{0xaf, 0, 0x12, 0x10}, AudioTag{Codec: "aac", SequenceHeader: true}},
	{"aac frame", []byte{0xaf, 1, 0x21}, AudioTag{Codec: "aac"}},
	{"aac cut short", []byte{0xaf}, AudioTag{Codec: "aac"}},
	{"mp3", []byte{0x2f, 0xff}, AudioTag{Codec: "mp3"}},
	{"enhanced opus header", []byte("\x90Opus\x01"), AudioTag{Codec: "opus", SequenceHeader: true}},
	{"enhanced opus frame", []byte("\x91Opus\x01"), AudioTag{Codec: "opus"}},
	{"enhanced multitrack header", []byte("\x95\x00mp4a\x00"), AudioTag{Codec: "aac", SequenceHeader: true}},
}

func TestParseAudio(t *testing.T) {
	for _, c := range audioTags {
		t.Run(c.name, func(t *testing.T) {
			if got := ParseAudio(c.payload); got != c.want {
				t.Errorf("ParseAudio(%x) = %+v, want %+v", c.payload, got, c.want)
			}
		})
	}
}

func TestUnwrap(t *testing.T) {
	meta := []byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09")
	wrapped := append([]byte("\x02\x00\x0d@setDataFrame"), meta...)
	for _, c := range []struct {
		name     string
		in, want []byte
		isMeta   bool
	}{
		{"bare", meta, meta, true},
		{"wrapped", wrapped, meta, true},
		{"other data", []byte("\x02\x00\x06onText\x05"), []byte("\x02\x00\x06onText\x05"), false},
		{"cut short", wrapped[:8], wrapped[:8], false},
		{"nothing wrapped", wrapped[:16], wrapped[:16], false},
		{"not a string", []byte{5}, []byte{5}, false},
		{"empty", nil, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Unwrap(c.in)
			if !bytes.Equal(got, c.want) || IsMetadata(got) != c.isMeta {
				t.Errorf("Unwrap = %q (metadata %v), want %q (%v)", got, IsMetadata(got), c.want, c.isMeta)
			}
		})
	}
}

// FuzzClassify: no payload, however mangled, may panic.
func FuzzClassify(f *testing.F) {
	for _, c := range videoTags {
		f.Add(c.payload)
	}
	for _, c := range audioTags {
		f.Add(c.payload)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, a := ParseVideo(p), ParseAudio(p)
		if v.Keyframe && v.SequenceHeader {
			t.Errorf("%x is both a keyframe and a sequence header", p)
		}
		if a.Codec != printable(a.Codec) || v.Codec != printable(v.Codec) {
			t.Errorf("%x has an unprintable codec", p)
		}
		if len(Unwrap(p)) > len(p) {
			t.Errorf("%x grew", p)
		}
	})
}
