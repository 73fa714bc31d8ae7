package fmp4

import "github.com/rtmp-edge/rtmp-edge/internal/codecs"

// aacSilence are frames of AAC LC of 1024 samples with nothing in them, by channels: raw data blocks (ISO 14496-3 §4.4.2.1) of as many elements as the
// channel configuration has, of silence.
var aacSilence = [...]string{
	1: "\x00\xc8\x00\x80\x23\x80",
	2: "\x21\x00\x49\x90\x02\x19\x00\x23\x80",
	3: "\x00\xc8\x00\x80\x20\x84\x01\x26\x40\x08\x64\x00\x8e",
	4: "\x00\xc8\x00\x80\x20\x84\x01\x26\x40\x08\x64\x00\x80\x2c\x80\x08\x02\x38",
	5: "\x00\xc8\x00\x80\x20\x84\x01\x26\x40\x08\x64\x00\x82\x30\x04\x99\x00\x21\x90\x02\x38",
	6: "\x00\xc8\x00\x80\x20\x84\x01\x26\x40\x08\x64\x00\x82\x30\x04\x99\x00\x21\x90\x02\x18\x32\x00\x20\x08\xe0",
}

// opusSilence are packets of 20 ms of silence, by channels (RFC 6716 §3.1: fullband CELT, one frame).
var opusSilence = [...]string{1: "\xf8\xff\xfe", 2: "\xfc\xff\xfe"}

// silence returns a frame of silence, and how many samples it has; nil if none is known.
func silence(a *codecs.AudioConfig) (frame []byte, samples int64) {
	channels := a.Channels
	switch {
	case a.Codec == "opus" && channels < len(opusSilence):
		return []byte(opusSilence[channels]), opusSamples
	case a.Codec == "aac" && !a.AAC.FrameLengthFlag && a.AAC.ChannelCount < len(aacSilence):
		return []byte(aacSilence[a.AAC.ChannelCount]), aacSamples
	}
	return nil, 0
}
