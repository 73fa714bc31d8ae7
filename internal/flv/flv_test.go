package flv

import (
	"strings"
	"testing"
)

// A vector is a payload, and what is to be read from its head. Those named after a program are laid out as that program writes them.
type vector struct {
	name    string
	payload string
	want    Tag
}

func of(codec string, t Type, tracks ...uint8) Tag {
	tag := Tag{Codec: codec, Type: t}
	for _, id := range tracks {
		tag.Tracks.add(id)
	}
	return tag
}

var videoVectors = []vector{
	{"empty", "", Tag{}},
	{"AVC sequence header", "\x17\x00\x00\x00\x00\x01", of("h264", SequenceHeader, 0)},
	{"AVC keyframe", "\x17\x01\x00\x00\x00", of("h264", Keyframe, 0)},
	{"AVC generated keyframe", "\x47\x01\x00\x00\x00", of("h264", Keyframe, 0)},
	{"AVC inter frame", "\x27\x01\x00\x00\x00", of("h264", Frame, 0)},
	{"AVC disposable frame", "\x37\x01\x00\x00\x00", of("h264", Frame, 0)},
	{"AVC end of sequence", "\x17\x02\x00\x00\x00", of("h264", SequenceEnd, 0)},
	{"AVC packet type nobody knows", "\x17\x03\x00\x00\x00", of("h264", Other)},
	{"AVC cut short", "\x17", of("h264", Other)},
	{"AVC command frame", "\x57\x00", of("h264", Other)},
	{"H.263 keyframe", "\x12\x09", of("flv1", Keyframe, 0)},
	{"H.263 inter frame", "\x22\x09", of("flv1", Frame, 0)},
	{"HEVC header, before Enhanced RTMP", "\x1c\x00\x00\x00\x00", of("hevc", SequenceHeader, 0)},
	{"HEVC keyframe, before Enhanced RTMP", "\x1c\x01\x00\x00\x00", of("hevc", Keyframe, 0)},
	{"codec 15", "\x2fcodec 15", of("", Frame, 0)},

	{"HEVC sequence start", "\x90hvc1\x01", of("hevc", SequenceHeader, 0)},
	{"HEVC keyframe", "\x91hvc1\x00\x00\x00", of("hevc", Keyframe, 0)},
	{"HEVC keyframe X", "\x93hvc1", of("hevc", Keyframe, 0)},
	{"HEVC inter frame X", "\xa3hvc1", of("hevc", Frame, 0)},
	{"HEVC end, as OBS", "\xa2hvc1", of("hevc", SequenceEnd, 0)},
	{"HEVC metadata, as OBS", "\x84hvc1\x02\x00\x09colorInfo\x03", of("hevc", Properties, 0)},
	{"AV1 sequence start, empty, as FFmpeg", "\x90av01", of("av1", SequenceHeader, 0)},
	{"AV1 metadata, as FFmpeg", "\xd4av01\x02\x00\x09colorInfo\x03", of("av1", Properties, 0)},
	{"AV1 sequence start of MPEG-2 TS", "\x95av01\x80", of("av1", SequenceHeader, 0)},
	{"AV1 inter frame", "\xa1av01\x12\x00", of("av1", Frame, 0)},
	{"AVC sequence start", "\x90avc1\x01", of("h264", SequenceHeader, 0)},
	{"VVC keyframe", "\x91vvc1\x00\x00\x00", of("vvc", Keyframe, 0)},
	{"VP8 keyframe", "\x91vp08", of("vp8", Keyframe, 0)},
	{"VP9 sequence start", "\x90vp09\x01", of("vp9", SequenceHeader, 0)},
	{"command frame", "\xd1\x00", Tag{}},
	{"command frame, with something behind", "\xd1\x00avc1", Tag{}},
	{"packet type 8", "\x98hvc1", of("hevc", Other)},
	{"FourCC nobody knows", "\x91zzzz", of("zzzz", Keyframe, 0)},
	{"FourCC of bytes", "\x91\x00\n\x1b\xff", of("unknown", Keyframe, 0)},
	{"FourCC cut short", "\x90hv", Tag{}},
	{"enhanced, one byte", "\x90", Tag{}},

	{"one track, header, as OBS", "\x96\x00avc1\x01\x01", of("h264", SequenceHeader, 1)},
	{"one track, keyframe, as OBS", "\x96\x01hvc1\x02\x00\x00\x00", of("hevc", Keyframe, 2)},
	{"one track, inter frame X, as OBS", "\xa6\x03hvc1\x02", of("hevc", Frame, 2)},
	{"one track, end, as OBS", "\xa6\x02av01\x01", of("av1", SequenceEnd, 1)},
	{"one track, metadata, as OBS", "\x86\x04hvc1\x01\x02\x00\x09colorInfo\x03", of("hevc", Properties, 1)},
	{"one track, metadata, as FFmpeg", "\xd6\x04hvc1\x01\x02\x00\x09colorInfo\x03", of("hevc", Properties, 1)},
	{"one track, the highest", "\x96\x01av01\xff", of("av1", Keyframe, 255)},
	{"one track, without its id", "\x96\x01av01", Tag{}},
	{"many tracks, headers", "\x96\x10av01\x00\x00\x00\x02AA\x01\x00\x00\x01B", of("av1", SequenceHeader, 0, 1)},
	{"many tracks, inter frames", "\xa6\x11av01\x03\x00\x00\x00\x07\x00\x00\x01B", of("av1", Frame, 3, 7)},
	{"many tracks, none", "\x96\x11av01", Tag{}},
	{"many tracks, the last beyond the end", "\x96\x11av01\x00\x00\x00\x01A\x01\xff\xff\xffB", of("av1", Keyframe, 0, 1)},
	{"many tracks, the last cut in its size", "\x96\x11av01\x00\x00\x00\x01A\x01\x00", of("av1", Keyframe, 0)},
	{"many codecs", "\x96\x21hvc1\x01\x00\x00\x01Aav01\x00\x00\x00\x01B", of("av1", Keyframe, 0, 1)},
	{"many codecs, cut in a FourCC", "\x96\x21hvc1\x01\x00\x00\x01Aav", of("hevc", Keyframe, 1)},
	{"packing 3", "\x96\x31av01\x00\x00\x00\x01A", Tag{}},
	{"multitrack in multitrack", "\x96\x06av01\x00", Tag{}},
	{"ModEx in multitrack", "\x96\x07av01\x00", Tag{}},
	{"multitrack command frame", "\xd6\x00", Tag{}},
	{"multitrack, cut short", "\x96", Tag{}},

	{"ModEx: timestamp offset", "\x97\x02\x00\x03\xe8\x01avc1\x00\x00\x00", of("h264", Keyframe, 0)},
	{"ModEx: two", "\x97\x02\x00\x03\xe8\x07\x00\xff\x01avc1", of("h264", Keyframe, 0)},
	{"ModEx: of a type nobody knows", "\xa7\x00\xff\xf3hvc1", of("hevc", Frame, 0)},
	{"ModEx: 255 bytes", "\x97\xfe" + strings.Repeat("m", 255) + "\x00hvc1", of("hevc", SequenceHeader, 0)},
	{"ModEx: 256 bytes", "\x97\xff\x00\xff" + strings.Repeat("m", 256) + "\x00hvc1", of("hevc", SequenceHeader, 0)},
	{"ModEx: before multitrack", "\x97\x02\x00\x03\xe8\x06\x01hvc1\x01", of("hevc", Keyframe, 1)},
	{"ModEx: sixteen", "\x97" + strings.Repeat("\x00m\x07", 15) + "\x00m\x01hvc1", of("hevc", Keyframe, 0)},
	{"ModEx: endless", "\x97" + strings.Repeat("\x00m\x07", 1000) + "\x00m\x01hvc1", Tag{}},
	{"ModEx: claims more than there is", "\x97\xff\xff\xffhvc1", Tag{}},
	{"ModEx: cut before its size", "\x97", Tag{}},
	{"ModEx: cut in its size", "\x97\xff\x00", Tag{}},
	{"ModEx: cut behind its data", "\x97\x00m", Tag{}},
	{"ModEx: nothing behind", "\x97\x00m\x01", Tag{}},
}

var audioVectors = []vector{
	{"empty: silence", "", Tag{}},
	{"AAC header", "\xaf\x00\x12\x10", of("aac", SequenceHeader, 0)},
	{"AAC frame", "\xaf\x01\x21", of("aac", Frame, 0)},
	{"AAC packet type nobody knows", "\xaf\x7f", of("aac", Other)},
	{"AAC cut short", "\xaf", of("aac", Other)},
	{"MP3", "\x2f\xff", of("mp3", Frame, 0)},
	{"Speex", "\xb6\x00", of("speex", Frame, 0)},
	{"format 12", "\xc0\x00", of("", Frame, 0)},

	{"Opus sequence start, as FFmpeg", "\x90OpusOpusHead\x01\x02", of("opus", SequenceHeader, 0)},
	{"Opus sequence start, empty", "\x90Opus", of("opus", SequenceHeader, 0)},
	{"Opus channels, as FFmpeg", "\x94Opus\x01\x02\x00\x00\x00\x03", of("opus", Properties, 0)},
	{"Opus frame, without any header", "\x91Opus\xfc", of("opus", Frame, 0)},
	{"FLAC sequence start", "\x90fLaCfLaC", of("flac", SequenceHeader, 0)},
	{"AC-3 frame", "\x91ac-3\x0b\x77", of("ac3", Frame, 0)},
	{"E-AC-3 frame", "\x91ec-3\x0b\x77", of("eac3", Frame, 0)},
	{"MP3 frame", "\x91.mp3\xff", of("mp3", Frame, 0)},
	{"AAC sequence start", "\x90mp4a\x12\x10", of("aac", SequenceHeader, 0)},
	{"AAC end", "\x92mp4a", of("aac", SequenceEnd, 0)},
	{"packet type 3", "\x93mp4a", of("aac", Other)},
	{"FourCC cut short", "\x90mp4", Tag{}},

	{"one track, header, as OBS", "\x95\x00mp4a\x01\x12\x10", of("aac", SequenceHeader, 1)},
	{"one track, frame, as OBS", "\x95\x01mp4a\x05\x21", of("aac", Frame, 5)},
	{"many tracks", "\x95\x11Opus\x00\x00\x00\x01A\x01\x00\x00\x01B", of("opus", Frame, 0, 1)},
	{"many codecs, headers", "\x95\x20mp4a\x02\x00\x00\x02\x12\x10Opus\x01\x00\x00\x00", of("opus", SequenceHeader, 1, 2)},
	{"many tracks, channels", "\x95\x14Opus\x00\x00\x00\x06\x01\x02\x00\x00\x00\x03", of("opus", Properties, 0)},
	{"multitrack in multitrack", "\x95\x05Opus\x00", Tag{}},

	{"ModEx: timestamp offset", "\x97\x02\x00\x03\xe8\x01Opus\xfc", of("opus", Frame, 0)},
	{"ModEx: before multitrack", "\x97\x02\x00\x03\xe8\x05\x00mp4a\x01", of("aac", SequenceHeader, 1)},
	{"ModEx: cut short", "\x97\x02\x00\x03", Tag{}},
}

func TestParse(t *testing.T) {
	for kind, set := range map[string]struct {
		parse   func([]byte) Tag
		vectors []vector
	}{"video": {ParseVideo, videoVectors}, "audio": {ParseAudio, audioVectors}} {
		for _, v := range set.vectors {
			t.Run(kind+"/"+v.name, func(t *testing.T) {
				t.Parallel()
				if got := set.parse([]byte(v.payload)); got != v.want {
					t.Errorf("%x: %+v, want %+v", v.payload, got, v.want)
				}
			})
		}
	}
}

// TestClaimsAllocateNothing: neither does a codec that is known, nor a size that is not there.
func TestClaimsAllocateNothing(t *testing.T) {
	for name, p := range map[string]string{
		"keyframe":     "\x17\x01\x00\x00\x00",
		"enhanced":     "\x91hvc1\x00\x00\x00",
		"ModEx":        "\x97\xff\xff\xff" + strings.Repeat("m", 1000),
		"tracks":       "\x96\x11av01\x00\xff\xff\xffA",
		"65536 tracks": "\x96\x21" + strings.Repeat("av01\x00\x00\x00\x00", 1<<16),
		"data":         "\x02\xff\xff@setDataFrame",
		"metadata":     bareMetadata,
	} {
		b := []byte(p)
		if n := testing.AllocsPerRun(10, func() {
			ParseVideo(b)
			IsMetadata(Unwrap(b))
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestTracks(t *testing.T) {
	t.Parallel()
	a, b := Track(0).Union(Track(64)).Union(Track(255)), Track(64)
	if !a.Overlaps(Track(255)) || a.Overlaps(Track(1)) || a.Len() != 3 || !a.Overlaps(b) || a.Minus(b).Overlaps(b) || a.Minus(b).Len() != 2 {
		t.Errorf("%v and %v", a, b)
	}
	if id, ok := b.Lowest(); !ok || id != 64 {
		t.Errorf("the lowest of %v is %d, %v", b, id, ok)
	}
	if _, ok := (Tracks{}).Lowest(); ok || (Tracks{}).Overlaps(a) {
		t.Error("the empty set holds something")
	}
}
