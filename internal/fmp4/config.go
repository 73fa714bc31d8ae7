package fmp4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"github.com/rtmp-edge/rtmp-edge/internal/codecs"
)

// Ids of the tracks. They stay when headers change.
const (
	videoID = 1
	audioID = 2
)

// videoScale is the timescale of video: FLV has milliseconds.
const videoScale = 1000

// opusScale is the clock of Opus (RFC 7845 §4).
const opusScale = 48000

// A config is how one track is written.
type config struct {
	name     string // of the codec, as FFmpeg names it. While it stays, browsers take another configuration in the middle
	mime     string // in a MIME type's codecs
	scale    int64
	codec    mp4.Codec
	identity []byte // what is written of it, to tell configurations apart

	video codecs.VideoConfig
	audio codecs.AudioConfig

	// H.264, HEVC and AV1: what goes before keyframes, as in a sample. Nil if the initialization segment says it all.
	inband []byte
}

// same tells whether the same is written for both.
func (c *config) same(o *config) bool {
	return c != nil && o != nil && c.name == o.name && c.video.LengthSize == o.video.LengthSize &&
		bytes.Equal(c.identity, o.identity) && bytes.Equal(c.parameterSets(), o.parameterSets())
}

// videoConfig is how video is written that has this decoder configuration. It fails with codecs.ErrUnsupported for what can't be written.
func videoConfig(v codecs.VideoConfig) (*config, error) {
	c := &config{name: v.Codec, mime: v.String, scale: videoScale, video: v}
	switch v.Codec {
	case "h264":
		c.codec = &mp4.CodecH264{SPS: v.SPS[0], PPS: v.PPS[0]}
	case "hevc":
		c.codec = &mp4.CodecH265{VPS: v.VPS[0], SPS: v.SPS[0], PPS: v.PPS[0]}
	case "av1":
		c.codec = &mp4.CodecAV1{SequenceHeader: v.SequenceHeader}
	case "vp9":
		c.codec = &mp4.CodecVP9{
			Width: v.Width, Height: v.Height,
			Profile: v.VP9.Profile, BitDepth: v.VP9.BitDepth, ChromaSubsampling: v.VP9.Subsampling, ColorRange: v.VP9.FullRange,
		}
	default:
		return nil, fmt.Errorf("%s: %w", v.Codec, codecs.ErrUnsupported)
	}
	if len(v.VPS) > 1 || len(v.SPS) > 1 || len(v.PPS) > 1 { // the library writes one of each
		c.inband = c.parameterSets()
	}
	err := c.identify()
	return c, err
}

// audioConfig is how audio is written that has this decoder configuration.
func audioConfig(a codecs.AudioConfig) (*config, error) {
	c := &config{name: a.Codec, mime: a.String, audio: a}
	switch a.Codec {
	case "aac":
		c.codec = &mp4.CodecMPEG4Audio{Config: a.AAC}
		c.scale = int64(a.AAC.SampleRate)
	case "opus":
		if a.Channels < 1 || a.Channels > 2 { // more need a channel mapping, which the library doesn't write
			return nil, fmt.Errorf("opus of %d channels: %w", a.Channels, codecs.ErrUnsupported)
		}
		c.codec = &mp4.CodecOpus{ChannelCount: a.Channels}
		c.scale = opusScale
	default: // MP3 could be written, but Chromium does not take it from an MP4
		return nil, fmt.Errorf("%s: %w", a.Codec, codecs.ErrUnsupported)
	}
	err := c.identify()
	return c, err
}

// identify writes the track alone, so that one that can't be written is known by itself.
func (c *config) identify() (err error) {
	var b seekablebuffer.Buffer
	if err := writeInit(&b, c); err != nil {
		return fmt.Errorf("%s: %w: %w", c.name, codecs.ErrUnsupported, err)
	}
	c.identity = b.Bytes()
	return nil
}

// parameterSets are all that a decoder needs, as in a sample.
func (c *config) parameterSets() (p []byte) {
	for _, sets := range [][][]byte{c.video.VPS, c.video.SPS, c.video.PPS} {
		for _, s := range sets {
			p = append(p, byte(len(s)>>24), byte(len(s)>>16), byte(len(s)>>8), byte(len(s)))
			p = append(p, s...)
		}
	}
	if o := c.video.SequenceHeader; len(o) > 0 {
		const hasSize = 2
		p = append(p, o[0]|hasSize)
		p = append(binary.AppendUvarint(p, uint64(len(o)-1)), o[1:]...) // leb128
	}
	return p
}

// writeInit writes an initialization segment. Nil configs are tracks that there aren't.
func writeInit(b *seekablebuffer.Buffer, tracks ...*config) error {
	var init fmp4.Init
	var hevc *config
	for _, c := range tracks {
		if c == nil {
			continue
		}
		id := audioID
		if c.codec.IsVideo() {
			id = videoID
		}
		if c.name == "hevc" {
			hevc = c
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: id, TimeScale: uint32(c.scale), Codec: c.codec})
	}
	b.Reset()
	if _, err := b.Seek(0, 0); err != nil {
		return err
	}
	if err := init.Marshal(b); err != nil {
		return err
	}
	if hevc != nil {
		hevc.amendHEVC(b.Bytes())
	}
	return nil
}

// mimeType is the MIME type of an MP4 with these tracks (RFC 6381 §3.2).
func mimeType(video, audio *config) string {
	kind := "video/mp4"
	var names []string
	if video == nil {
		kind = "audio/mp4"
	} else {
		names = append(names, video.mime)
	}
	if audio != nil {
		names = append(names, audio.mime)
	}
	return kind + `; codecs="` + strings.Join(names, ",") + `"` // names are plain
}
