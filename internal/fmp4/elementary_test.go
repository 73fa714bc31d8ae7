package fmp4

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/codecs"
)

// What ffmpeg 5 can't write into FLV is taken from elementary streams, and put into enhanced payloads here.

// ivfFrames returns the frames of an IVF file.
func ivfFrames(file []byte) (frames [][]byte) {
	const fileHeader, frameHeader = 32, 12
	for p := file[fileHeader:]; len(p) > frameHeader; {
		n := int(binary.LittleEndian.Uint32(p))
		frames = append(frames, p[frameHeader:frameHeader+n])
		p = p[frameHeader+n:]
	}
	return frames
}

// oggPackets returns the packets of an Ogg file that has one stream (RFC 3533 §6).
func oggPackets(file []byte) (packets [][]byte) {
	const header = 27
	var packet []byte
	for p := file; len(p) >= header; {
		lacing := p[header : header+int(p[26])]
		p = p[header+len(lacing):]
		for _, n := range lacing {
			packet = append(packet, p[:n]...)
			p = p[n:]
			if n < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
	}
	return packets
}

// nalUnitsOf returns the units of a stream with start codes (ITU-T H.264 annex B).
func nalUnitsOf(file []byte) (units [][]byte) {
	for _, u := range bytes.Split(file, []byte{0, 0, 1}) {
		if u = bytes.TrimRight(u, "\x00"); len(u) > 0 {
			units = append(units, u)
		}
	}
	return units
}

func sized(units ...[]byte) (p []byte) {
	for _, u := range units {
		p = append(binary.BigEndian.AppendUint32(p, uint32(len(u))), u...)
	}
	return p
}

// coded is a stream of one track: its sequence header, and its frames.
type coded struct {
	header []byte
	frames []codedFrame
}

type codedFrame struct {
	key  bool
	data []byte
}

const (
	frameMillis = 40 // pictures have 25 frames a second
	opusMillis  = 20
)

func hevcStream(t testing.TB, source []string) (c coded) {
	t.Helper()
	file := ffmpeg(t, "v.hevc", join(source, []string{"-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params", "keyint=25:min-keyint=25:bframes=0:aud=1:log-level=none:repeat-headers=1"})...)
	const aud, vps, sps, pps, firstIRAP, lastIRAP = 35, 32, 33, 34, 16, 23
	sets := map[byte][]byte{}
	var frame codedFrame
	var pieces [][]byte
	end := func() {
		if len(pieces) > 0 {
			frame.data = sized(pieces...)
			c.frames = append(c.frames, frame)
		}
		frame, pieces = codedFrame{}, nil
	}
	for _, u := range nalUnitsOf(file) {
		kind := u[0] >> 1 & 0x3f
		switch kind {
		case aud:
			end()
		case vps, sps, pps:
			sets[kind] = u
		default:
			frame.key = frame.key || kind >= firstIRAP && kind <= lastIRAP
			pieces = append(pieces, u)
		}
	}
	end()
	ptl := bytes.ReplaceAll(sets[sps], []byte{0, 0, 3}, []byte{0, 0})[3:15]
	c.header = append([]byte{1}, ptl...)
	c.header = append(c.header, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3)
	for _, kind := range []byte{vps, sps, pps} {
		u := sets[kind]
		c.header = append(c.header, kind, 0, 1, byte(len(u)>>8), byte(len(u)))
		c.header = append(c.header, u...)
	}
	return c
}

func av1Stream(t testing.TB, source []string) (c coded) {
	t.Helper()
	file := ffmpeg(t, "v.ivf", join(source, []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-row-mt", "1", "-g", "25", "-b:v", "300k", "-pix_fmt", "yuv420p"})...)
	for _, f := range ivfFrames(file) {
		var v codecs.VideoConfig
		key := v.AV1Frame(f) == nil
		if key && c.header == nil {
			o := v.SequenceHeader
			c.header = append([]byte{0x81, 0, 0x0c, 0, o[0] | 2, byte(len(o) - 1)}, o[1:]...)
		}
		c.frames = append(c.frames, codedFrame{key, f})
	}
	return c
}

func vp9Stream(t testing.TB, source []string) (c coded) {
	t.Helper()
	file := ffmpeg(t, "v9.ivf", join(source, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-pix_fmt", "yuv420p"})...)
	c.header = []byte{1, 0, 0, 0, 0, 31, 8<<4 | 1<<1, 1, 1, 1, 0, 0}
	for _, f := range ivfFrames(file) {
		c.frames = append(c.frames, codedFrame{f[0]&4 == 0, f})
	}
	return c
}

func opusStream(t testing.TB) (c coded) {
	t.Helper()
	packets := oggPackets(ffmpeg(t, "a.opus", join(sound, []string{"-ac", "2", "-c:a", "libopus", "-b:a", "64k"})...))
	c.header = packets[0]
	for _, p := range packets[2:] { // [1] has the tags
		c.frames = append(c.frames, codedFrame{true, p})
	}
	return c
}

// exVideo is an enhanced payload of video (Enhanced RTMP v2 "ExVideoTagHeader"): 0 is a sequence start, 1 coded frames, 3 those without a composition time.
func exVideo(key bool, packet byte, fourCC string, body []byte) []byte {
	kind := byte(2)
	if key {
		kind = 1
	}
	return slices.Concat([]byte{0x80 | kind<<4 | packet}, []byte(fourCC), body)
}

// exAudio is an enhanced payload of audio.
func exAudio(packet byte, fourCC string, body []byte) []byte {
	return slices.Concat([]byte{9<<4 | packet}, []byte(fourCC), body)
}

// enhanced is a stream of enhanced video and, if there is any, of Opus, from a time on.
func (s *flvStream) enhanced(from int, fourCC string, v, audio coded) {
	s.video(from, exVideo(true, 0, fourCC, v.header))
	if audio.header != nil {
		s.audio(from, exAudio(0, "Opus", audio.header))
	}
	at := 0
	for i, f := range v.frames {
		s.video(from+i*frameMillis, exVideo(f.key, 3, fourCC, f.data))
		for ; at < len(audio.frames) && at*opusMillis <= i*frameMillis; at++ {
			s.audio(from+at*opusMillis, exAudio(1, "Opus", audio.frames[at].data))
		}
	}
}
