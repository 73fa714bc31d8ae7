package fmp4

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

	"github.com/rtmp-edge/rtmp-edge/internal/codecs"
	"github.com/rtmp-edge/rtmp-edge/internal/flv"
)

// refine takes the configuration from a frame, of codecs that have it there: alone, or newer than in the sequence header.
func (in *input) refine(b *flv.Body) {
	switch b.Codec {
	case "av1":
		v := codecs.VideoConfig{Video: codecs.Video{Codec: b.Codec}}
		if v.AV1Frame(b.Data) == nil {
			in.setVideo(v)
		}
	case "vp9":
		in.refineVP9(b)
	case "opus":
		if in.config == nil && in.header == nil && len(b.Data) > 0 { // without a header
			const stereo = 4 // RFC 6716 §3.1
			a := codecs.AudioConfig{Audio: codecs.Audio{Codec: b.Codec, String: "opus", SampleRate: opusScale, Channels: 1}}
			if b.Data[0]&stereo != 0 {
				a.Channels = 2
			}
			in.setAudio(a)
		}
	}
}

// refineVP9 takes the picture's size from a keyframe; and the rest, if the header didn't say it.
func (in *input) refineVP9(b *flv.Body) {
	var h vp9.Header
	if err := h.Unmarshal(b.Data); err != nil || h.NonKeyFrame || h.ColorConfig == nil {
		return
	}
	v, err := codecs.ParseVideo(flv.Body{Codec: b.Codec, Data: in.header})
	if err != nil {
		v = codecs.VP9Frame(h.Profile, h.ColorConfig.BitDepth, h.ChromaSubsampling(), h.ColorConfig.ColorRange)
	}
	v.Width, v.Height = h.Width(), h.Height()
	in.setVideo(v)
}

func (in *input) setVideo(v codecs.VideoConfig) {
	if c, err := videoConfig(v); err == nil {
		in.set(c)
	}
}

func (in *input) setAudio(a codecs.AudioConfig) {
	if c, err := audioConfig(a); err == nil {
		in.set(c)
	}
}

// sampleData is coded data as in a sample of the MP4.
func (c *config) sampleData(p []byte, sync bool) (out []byte, ok bool) {
	switch c.name {
	case "h264", "hevc":
		out, ok = nalUnits(p, c.video.LengthSize)
	case "av1":
		out, ok = temporalUnit(p)
	default:
		return p, len(p) > 0
	}
	if ok && sync && c.inband != nil && (c.name != "av1" || new(codecs.VideoConfig).AV1Frame(p) != nil) {
		out = append(append(make([]byte, 0, len(c.inband)+len(out)), c.inband...), out...)
	}
	return out, ok
}

// Samples of a frame (ISO 14496-3 §4.5.1.1).
const (
	aacSamples      = 1024
	aacShortSamples = 960
)

// opusSamples is what most packets have: 20 ms.
const opusSamples = 960

// samples is how many samples a frame of audio has.
func (c *config) samples(p []byte) int64 {
	switch c.name {
	case "opus":
		if n := opus.PacketDuration2(p); n > 0 {
			return n
		}
		return opusSamples
	default:
		if c.audio.AAC.FrameLengthFlag {
			return aacShortSamples
		}
		return aacSamples
	}
}
