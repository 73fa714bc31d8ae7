package codecs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
)

// unhex is hexadecimal with spaces.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// Configurations as encoders write them.
const (
	avcBaseline = "0142c01effe1 0018 6742c01ed900a02ff9701100000303e90000ea600f162e48 01 0005 68cb83cb20"
	avcMain     = "014d401effe1 0018 674d401eeca05031f9f01100000303e90000ea601f142996 01 0005 68fba3cb20"
	avcHigh     = "0164001effe1 001a 6764001eacd940a02ff97011000003000100000 3003c0f162d96 01 0004 68ef8fcb fdf8f800"
	avcHigh10   = "016e001effe1 0019 676e001ea6cd940a02ff97011000003e90000ea600f162d960 01 0006 68ebe3cb22c0 fdfafa00"

	hevcSets   = "03 a00001 0018 40010c01ffff01600000030090000003000003005d959809 a10001 002b 42010101600000030090000003000003005da00280802d165959a4932bc05a020000030002000003003c10 a20001 0007 4401c172b46240"
	hevcMain   = "0101600000009000000000005df000fcfdf8f800000f " + hevcSets
	hevcHigh   = "0121600000009000000000005df000fcfdf8f800000f " + hevcSets
	hevcMain10 = "0102200000009000000000005df000fcfdfafa00000f 03 a00001 0018 40010c01ffff02200000030090000003000003005d959809 a10001 002b 42010102200000030090000003000003005da00280802d1365959a4932bc05a02000000300200000030 3c1 a20001 0007 4401c172b46240"

	av1Main10 = "81054c00 0a0b0000002d4cffb3cdaf9404"
	av1Main   = "81090c00 0a0b0000004aabbfc3700be001"

	opusStereo = "4f70757348656164 01 02 3801 80bb0000 0000 00"
	flacStereo = "664c6143 00000022 12001200 000305000514 0ac442f00000ac44 b48e1dd0c193fdd40c05f288d60157a3"
)

var videoVectors = []struct {
	name, head, config string
	want               Video
}{
	{"H.264 baseline", "\x17\x00\x00\x00\x00", avcBaseline, Video{"h264", "avc1.42c01e", "Constrained Baseline", "3.0", 640, 360, 29.97}},
	{"H.264 main, interlaced", "\x17\x00\x00\x00\x00", avcMain, Video{"h264", "avc1.4d401e", "Main", "3.0", 640, 360, 29.97}},
	{"H.264 high", "\x17\x00\x00\x00\x00", avcHigh, Video{"h264", "avc1.64001e", "High", "3.0", 640, 360, 30}},
	{"H.264 high 10, enhanced", "\x90avc1", avcHigh10, Video{"h264", "avc1.6e001e", "High 10", "3.0", 640, 360, 29.97}},
	{"H.264, of track 1", "\x96\x00avc1\x01", avcHigh, Video{"h264", "avc1.64001e", "High", "3.0", 640, 360, 30}},
	{"HEVC main", "\x90hvc1", hevcMain, Video{"hevc", "hvc1.1.6.L93.90", "Main", "3.1", 1280, 720, 30}},
	{"HEVC main, high tier, before Enhanced RTMP", "\x1c\x00\x00\x00\x00", hevcHigh, Video{"hevc", "hvc1.1.6.H93.90", "Main", "3.1 High", 1280, 720, 30}},
	{"HEVC main 10", "\x90hvc1", hevcMain10, Video{"hevc", "hvc1.2.4.L93.90", "Main 10", "3.1", 1280, 720, 30}},
	{"AV1 main", "\x90av01", av1Main, Video{"av1", "av01.0.09M.08", "Main", "4.1", 1920, 1080, 0}},
	{"AV1 of 10 bits", "\x90av01", av1Main10, Video{"av1", "av01.0.05M.10", "Main", "3.1", 1280, 720, 0}},
	{"AV1 without OBUs", "\x90av01", "81098c00", Video{"av1", "av01.0.09H.08", "Main", "4.1 High", 0, 0, 0}},
	{"VP9", "\x90vp09", "001f82010101 0000", Video{"vp9", "vp09.00.31.08", "Profile 0", "3.1", 0, 0, 0}},
	{"VP9, as FFmpeg", "\x90vp09", "01000000 02 28 a2 09 10 09 0000", Video{"vp9", "vp09.02.40.10", "Profile 2", "4.0", 0, 0, 0}},
}

var audioVectors = []struct {
	name, head, config string
	want               Audio
}{
	{"AAC LC", "\xaf\x00", "1210", Audio{"aac", "mp4a.40.2", "AAC LC", 44100, 2}},
	{"AAC LC, as FFmpeg, which says that there is no SBR", "\xaf\x00", "120856e500", Audio{"aac", "mp4a.40.2", "AAC LC", 44100, 1}},
	{"AAC LC, 5.1, enhanced", "\x90mp4a", "11b0", Audio{"aac", "mp4a.40.2", "AAC LC", 48000, 6}},
	{"AAC LC, a rate of its own", "\xaf\x00", "17804e2008", Audio{"aac", "mp4a.40.2", "AAC LC", 40000, 1}},
	{"HE-AAC", "\xaf\x00", "2b920800", Audio{"aac", "mp4a.40.5", "HE-AAC", 44100, 2}},
	{"HE-AAC, backward compatible", "\xaf\x00", "139056e5a0", Audio{"aac", "mp4a.40.5", "HE-AAC", 44100, 2}},
	{"HE-AAC v2", "\xaf\x00", "eb8a0800", Audio{"aac", "mp4a.40.29", "HE-AAC v2", 44100, 2}},
	{"HE-AAC v2, backward compatible", "\xaf\x00", "138856e5a54880", Audio{"aac", "mp4a.40.29", "HE-AAC v2", 44100, 2}},
	{"Opus", "\x90Opus", opusStereo, Audio{"opus", "opus", "", 48000, 2}},
	{"FLAC", "\x90fLaC", flacStereo, Audio{"flac", "flac", "", 44100, 2}},
	{"MP3 frame", "\x2f", "fffb9064 00", Audio{"mp3", "mp4a.6B", "", 44100, 2}},
	{"MP3 frame of mono, enhanced", "\x91.mp3", "fffb90c4 00", Audio{"mp3", "mp4a.6B", "", 44100, 1}},
	{"AC-3", "\x90ac-3", "", Audio{"ac3", "ac-3", "", 0, 0}},
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, v := range videoVectors {
		got, err := DescribeVideo(append([]byte(v.head), unhex(v.config)...))
		got.FPS = math.Round(got.FPS*100) / 100
		if err != nil || got != v.want {
			t.Errorf("%s: %+v, %v, want %+v", v.name, got, err, v.want)
		}
	}
	for _, v := range audioVectors {
		if got, err := DescribeAudio(append([]byte(v.head), unhex(v.config)...)); err != nil || got != v.want {
			t.Errorf("%s: %+v, %v, want %+v", v.name, got, err, v.want)
		}
	}
}

// TestBrokenHeaders: what could be read of them stands beside the error.
func TestBrokenHeaders(t *testing.T) {
	t.Parallel()
	high := Video{Codec: "h264", String: "avc1.64001e", Profile: "High", Level: "3.0"}
	for _, v := range []struct {
		name, head, config string
		want               Video
		err                error
	}{
		{"no header", "\x17\x01\x00\x00\x00", "", Video{Codec: "h264"}, ErrNotHeader},
		{"nothing", "", "", Video{}, ErrNotHeader},
		{"another codec", "\x90vvc1", "00", Video{Codec: "vvc"}, ErrUnsupported},
		{"avcC cut", "\x17\x00\x00\x00\x00", "0164001eff", Video{Codec: "h264"}, ErrTruncated},
		{"avcC cut in the SPS", "\x17\x00\x00\x00\x00", "0164001effe1001a67", high, ErrTruncated},
		{"avcC cut in the PPS", "\x17\x00\x00\x00\x00", "0164001effe10001670100ff", high, ErrTruncated},
		{"avcC without sets", "\x17\x00\x00\x00\x00", "0164001effe000", high, ErrUnsupported},
		{"avcC of version 2", "\x17\x00\x00\x00\x00", "0264001effe000", Video{Codec: "h264"}, ErrUnsupported},
		{"avcC with a broken SPS", "\x17\x00\x00\x00\x00", "0164001effe10004 6764001e 01 0001 68", high, nil},
		{"hvcC cut", "\x90hvc1", "0101600000009000000000005df000fcfdf8f800000f", Video{Codec: "hevc"}, ErrTruncated},
		{"hvcC cut in its sets", "\x90hvc1", hevcMain[:len(hevcMain)-14], Video{Codec: "hevc", String: "hvc1.1.6.L93.90", Profile: "Main", Level: "3.1"}, ErrTruncated},
		{"hvcC without sets", "\x90hvc1", "0101600000009000000000005df000fcfdf8f800000f00", Video{Codec: "hevc", String: "hvc1.1.6.L93.90", Profile: "Main", Level: "3.1"}, ErrUnsupported},
		{"av1C, empty, as FFmpeg", "\x90av01", "", Video{Codec: "av1"}, ErrTruncated},
		{"av1C, of MPEG-2 TS", "\x95av01", "80810900", Video{Codec: "av1"}, ErrTruncated},
		{"av1C with an OBU that is cut", "\x90av01", av1Main[:13], Video{Codec: "av1", String: "av01.0.09M.08", Profile: "Main", Level: "4.1"}, ErrTruncated},
		{"vpcC cut", "\x90vp09", "001f82", Video{Codec: "vp9"}, ErrTruncated},
		{"vpcC of 9 bits", "\x90vp09", "001f920101010000", Video{Codec: "vp9"}, ErrUnsupported},
	} {
		got, err := DescribeVideo(append([]byte(v.head), unhex(v.config)...))
		if err == nil || !errors.Is(err, v.err) && v.err != nil || got != v.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", v.name, got, err, v.want, v.err)
		}
	}
	for _, v := range []struct {
		name, head, config string
		want               Audio
		err                error
	}{
		{"AAC frame", "\xaf\x01", "21", Audio{Codec: "aac"}, ErrNotHeader},
		{"Opus frame", "\x91Opus", "fc", Audio{Codec: "opus"}, ErrNotHeader},
		{"AAC, empty", "\xaf\x00", "", Audio{Codec: "aac", String: "mp4a.40"}, ErrTruncated},
		{"AAC with a channel configuration of its own", "\xaf\x00", "1200", Audio{"aac", "mp4a.40.2", "AAC LC", 44100, 0}, nil},
		{"xHE-AAC", "\xaf\x00", "f9484000", Audio{"aac", "mp4a.40.42", "xHE-AAC", 44100, 2}, nil},
		{"AAC of 16 MHz", "\xaf\x00", "17ffffff88", Audio{"aac", "mp4a.40.2", "AAC LC", 16777215, 1}, ErrUnsupported},
		{"Opus, empty", "\x90Opus", "", Audio{"opus", "opus", "", 48000, 0}, ErrTruncated},
		{"Opus of a version to come", "\x90Opus", strings.Replace(opusStereo, " 01 02", " 11 02", 1), Audio{"opus", "opus", "", 48000, 0}, ErrUnsupported},
		{"FLAC, cut", "\x90fLaC", flacStereo[:26], Audio{"flac", "flac", "", 0, 0}, ErrTruncated},
		{"Speex", "\xb6", "00", Audio{Codec: "speex"}, ErrNotHeader},
		{"MP3 without a frame", "\x2f", "0000000000", Audio{Codec: "mp3", String: "mp4a.6B"}, nil},
	} {
		got, err := DescribeAudio(append([]byte(v.head), unhex(v.config)...))
		if err == nil || !errors.Is(err, v.err) && v.err != nil || got != v.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", v.name, got, err, v.want, v.err)
		}
	}
}

// TestOBU: sizes, extensions, and sequence headers in the middle of a keyframe.
func TestOBU(t *testing.T) {
	t.Parallel()
	header := unhex(av1Main)[4:]
	keyframe := append(append(unhex("1200"), header...), unhex("320201ff")...)
	var c VideoConfig
	if err := c.AV1Frame(keyframe); err != nil || c.Width != 1920 || !bytes.Equal(c.SequenceHeader, append([]byte{0x08}, header[2:]...)) {
		t.Errorf("%+v, %v", c, err)
	}
	if err := new(VideoConfig).AV1Frame(unhex("1200320201ff")); !errors.Is(err, ErrNotHeader) {
		t.Errorf("a keyframe without a header: %v", err)
	}
	for name, c := range map[string]struct {
		obu  string
		size int
		err  error
	}{
		"with a size":          {"320201ff00", 4, nil},
		"without a size":       {"3001ff", 3, nil},
		"with an extension":    {"36000101ff", 4, nil},
		"long size":            {"3282800001ff", 6, nil},
		"cut":                  {"320301ff", 0, ErrTruncated},
		"cut in its size":      {"3280", 0, ErrTruncated},
		"cut in its extension": {"36", 0, ErrTruncated},
		"size without end":     {"32ffffffffffffffffff01", 0, ErrTruncated},
		"size of nearly 2^56":  {"32ffffffffffffff7f01", 0, ErrTruncated},
		"the forbidden bit":    {"b20201ff", 0, ErrUnsupported},
		"nothing":              {"", 0, ErrTruncated},
	} {
		if o, err := NextOBU(unhex(c.obu)); !errors.Is(err, c.err) || err == nil && (o.Size != c.size || o.Type != 6) {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

// TestClaimsAllocateNothing: what headers claim costs no memory.
func TestClaimsAllocateNothing(t *testing.T) {
	for name, p := range map[string][]byte{
		"avcC":  append([]byte("\x17\x00\x00\x00\x00"), unhex("0164001effffffff")...),
		"hvcC":  append([]byte("\x90hvc1"), unhex("0101600000009000000000005df000fcfdf8f800000fffa0ffffffff")...),
		"empty": append([]byte("\x90hvc1"), append(unhex("0101600000009000000000005df000fcfdf8f800000f01a0ffff"), make([]byte, 1<<17)...)...),
	} {
		before := testing.AllocsPerRun(1, func() {})
		if n := testing.AllocsPerRun(10, func() { _, _ = DescribeVideo(p) }) - before; n > 30 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	many := append([]byte("\x90hvc1"), unhex("0101600000009000000000005df000fcfdf8f800000f01a03fff")...)
	for range 1 << 14 {
		many = append(many, 0, 1, 0x40)
	}
	b := many[5:]
	var c VideoConfig
	if _ = c.hvcC(b); len(c.VPS) > maxParameterSets {
		t.Errorf("%d parameter sets", len(c.VPS))
	}
}

// FuzzDescribe: nothing that a header may be does harm.
func FuzzDescribe(f *testing.F) {
	for _, v := range videoVectors {
		f.Add(append([]byte(v.head), unhex(v.config)...))
	}
	for _, v := range audioVectors {
		f.Add(append([]byte(v.head), unhex(v.config)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		v, err := DescribeVideo(p)
		if v.Width < 0 || v.Height < 0 || v.Width > maxSide || v.Height > maxSide || !(v.FPS >= 0 && v.FPS <= maxFPS) || (v.Width == 0) != (v.Height == 0) {
			t.Errorf("%x is %+v", p, v)
		}
		if err == nil && v.Codec == "h264" && v.Width == 0 {
			t.Errorf("%x is without an error %+v", p, v)
		}
		a, _ := DescribeAudio(p)
		if a.SampleRate < 0 || a.Channels < 0 || a.Channels > 255 {
			t.Errorf("%x is %+v", p, a)
		}
		for _, s := range []string{v.String, v.Profile, v.Level, a.String, a.Profile} {
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' }) || len(s) > 60 {
				t.Errorf("%x has %q", p, s)
			}
		}
		if !bytes.Equal(p, before) {
			t.Errorf("%x was changed", before)
		}
	})
}
