package flv

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestBody(t *testing.T) {
	t.Parallel()
	video, audio := VideoBody, AudioBody
	for _, c := range []struct {
		name    string
		read    func([]byte) (Body, bool)
		payload string
		want    Body
		data    string
		bad     bool
	}{
		{"AVC header", video, "\x17\x00\x00\x00\x00avcC", Body{Codec: "h264", Type: SequenceHeader}, "avcC", false},
		{"AVC header with a composition time", video, "\x17\x00\x00\x00\x07avcC", Body{Codec: "h264", Type: SequenceHeader}, "avcC", false},
		{"AVC keyframe", video, "\x17\x01\x00\x00\x50nal", Body{Codec: "h264", Type: Keyframe, Composition: 80}, "nal", false},
		{"AVC frame, shown before", video, "\x27\x01\xff\xff\xfenal", Body{Codec: "h264", Type: Frame, Composition: -2}, "nal", false},
		{"AVC, the latest composition time", video, "\x27\x01\x7f\xff\xff", Body{Codec: "h264", Type: Frame, Composition: 1<<23 - 1}, "", false},
		{"AVC, the earliest", video, "\x27\x01\x80\x00\x00", Body{Codec: "h264", Type: Frame, Composition: -1 << 23}, "", false},
		{"AVC, cut in the composition time", video, "\x27\x01\x00\x00", Body{}, "", true},
		{"AVC command", video, "\x57\x00\x00\x00\x00", Body{}, "", true},
		{"H.263", video, "\x22abc", Body{Codec: "flv1", Type: Frame}, "abc", false},
		{"HEVC, before Enhanced RTMP", video, "\x1c\x01\x00\x00\x02nal", Body{Codec: "hevc", Type: Keyframe, Composition: 2}, "nal", false},
		{"AV1, before Enhanced RTMP", video, "\x1d\x00\x00\x00\x00av1C", Body{Codec: "av1", Type: SequenceHeader}, "av1C", false},

		{"hvc1 header", video, "\x90hvc1hvcC", Body{Codec: "hevc", Type: SequenceHeader}, "hvcC", false},
		{"hvc1 frame", video, "\xa1hvc1\x00\x00\x21nal", Body{Codec: "hevc", Type: Frame, Composition: 33}, "nal", false},
		{"hvc1 frame X", video, "\xa3hvc1nal", Body{Codec: "hevc", Type: Frame}, "nal", false},
		{"hvc1 frame, cut", video, "\xa1hvc1\x00\x00", Body{}, "", true},
		{"avc1 keyframe", video, "\x91avc1\x00\x00\x01nal", Body{Codec: "h264", Type: Keyframe, Composition: 1}, "nal", false},
		{"av01 frame has none", video, "\xa1av01\x12\x00", Body{Codec: "av1", Type: Frame}, "\x12\x00", false},
		{"vp09 frame has none", video, "\xa1vp09abc", Body{Codec: "vp9", Type: Frame}, "abc", false},
		{"av01 header of MPEG-2 TS", video, "\x95av01\x80\x81", Body{Codec: "av1", Type: SequenceHeader}, "", false},
		{"one track", video, "\x96\x01hvc1\x02\x00\x00\x05nal", Body{Codec: "hevc", Type: Keyframe, Track: 2, Composition: 5}, "nal", false},
		{"many tracks", video, "\x96\x11av01\x03\x00\x00\x01A\x01\x00\x00\x02BC", Body{Codec: "av1", Type: Keyframe, Track: 1}, "BC", false},
		{"many tracks, the lowest cut", video, "\x96\x11av01\x03\x00\x00\x01A\x01\x00\x00\x09BC", Body{Codec: "av1", Type: Keyframe, Track: 1}, "BC", false},
		{"many codecs", video, "\x96\x21av01\x01\x00\x00\x01Ahvc1\x00\x00\x00\x05\x00\x00\x04nn", Body{Codec: "hevc", Type: Keyframe, Composition: 4}, "nn", false},
		{"ModEx", video, "\x97\x02\x00\x03\xe8\x01avc1\x00\x00\x00nal", Body{Codec: "h264", Type: Keyframe}, "nal", false},
		{"ModEx before a track", video, "\x97\x02\x00\x03\xe8\x06\x01hvc1\x01\x00\x00\x00nal", Body{Codec: "hevc", Type: Keyframe, Track: 1}, "nal", false},
		{"nothing", video, "", Body{}, "", true},

		{"AAC header", audio, "\xaf\x00\x12\x10", Body{Codec: "aac", Type: SequenceHeader}, "\x12\x10", false},
		{"AAC frame", audio, "\xaf\x01raw", Body{Codec: "aac", Type: Frame}, "raw", false},
		{"MP3", audio, "\x2f\xff\xfb", Body{Codec: "mp3", Type: Frame}, "\xff\xfb", false},
		{"Opus header", audio, "\x90OpusOpusHead", Body{Codec: "opus", Type: SequenceHeader}, "OpusHead", false},
		{"Opus frame, of track 3", audio, "\x95\x01Opus\x03abc", Body{Codec: "opus", Type: Frame, Track: 3}, "abc", false},
		{"silence", audio, "", Body{}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := c.read([]byte(c.payload))
			if ok == c.bad {
				t.Fatalf("ok is %v", ok)
			}
			if c.bad {
				return
			}
			data := got.Data
			got.Data = nil
			if !reflect.DeepEqual(got, c.want) || string(data) != c.data {
				t.Errorf("%+v with %q, want %+v with %q", got, data, c.want, c.data)
			}
		})
	}
}

// FuzzBody: a body is a part of the payload, and says what its head says.
func FuzzBody(f *testing.F) {
	for _, set := range [][]vector{videoVectors, audioVectors} {
		for _, v := range set {
			f.Add([]byte(v.payload))
		}
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		for _, c := range []struct {
			tag  Tag
			body func([]byte) (Body, bool)
		}{{ParseVideo(p), VideoBody}, {ParseAudio(p), AudioBody}} {
			b, ok := c.body(p)
			if !ok {
				continue
			}
			lowest, _ := c.tag.Tracks.Lowest()
			if b.Codec != c.tag.Codec || b.Type != c.tag.Type || b.Track != lowest || c.tag.Type == Other {
				t.Errorf("%x: %+v, but %+v", p, b, c.tag)
			}
			if !strings.Contains(string(p), string(b.Data)) {
				t.Errorf("%x: the body is %x", p, b.Data)
			}
		}
		if !bytes.Equal(p, before) {
			t.Errorf("%x was changed", before)
		}
	})
}
