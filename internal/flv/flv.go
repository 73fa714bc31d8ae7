// Package flv reads the first bytes of audio, video and data payloads: just enough to know what a server must know of them (is it a keyframe,
// a sequence header, metadata, which codec), never the media itself. RTMP messages and FLV tags carry the same payloads.
package flv

import "encoding/binary"

// A VideoTag is what the first bytes of a video payload say (Video File Format Specification 10.1 §E.4.3.1; Enhanced RTMP v2 "Enhanced Video").
//
//	 0 1 2 3 4 5 6 7                    0 1 2 3 4 5 6 7   8 .. 39
//	+-+-------+-------+                +-+-----+-------+ +--------+
//	|0| frame | codec | AVCPacketType  |1|frame| packet| | FourCC |
//	+-+-------+-------+                +-+-----+-------+ +--------+
type VideoTag struct {
	Codec          string // as FFmpeg names it: h264, hevc, av1 …; a FourCC nobody knows as it is; "" when it isn't said
	Keyframe       bool   // a coded frame that decoding may start at
	SequenceHeader bool   // the decoder's configuration, no picture
}

// An AudioTag is what the first bytes of an audio payload say (Video File Format Specification 10.1 §E.4.2.1; Enhanced RTMP v2 "Enhanced Audio").
type AudioTag struct {
	Codec          string
	SequenceHeader bool
}

// Video frame types (FLV §E.4.3.1).
const (
	frameKey          = 1
	frameGeneratedKey = 4
	frameCommand      = 5
)

// Video codec ids (FLV §E.4.3.1); 12 and 13 are the field's extensions from before Enhanced RTMP.
const (
	codecAVC  = 7
	codecHEVC = 12
	codecAV1  = 13
)

// Packet types of enhanced tags (Enhanced RTMP v2 "VideoPacketType", "AudioPacketType").
const (
	exSequenceStart   = 0
	exCodedFrames     = 1
	exCodedFramesX    = 3
	exMPEG2TSSequence = 5
	exVideoMultitrack = 6
	exAudioMultitrack = 5
	exManyCodecs      = 2 // AvMultitrackType.ManyTracksManyCodecs: the FourCC stands per track
)

// Sound formats (FLV §E.4.2.1); 9 is Enhanced RTMP's ExHeader.
const (
	soundExHeader = 9
	soundAAC      = 10
)

var videoCodecs = map[byte]string{2: "flv1", 3: "flashsv", 4: "vp6f", 5: "vp6a", 6: "flashsv2", codecAVC: "h264", codecHEVC: "hevc", codecAV1: "av1"}

var audioCodecs = map[byte]string{
	0: "pcm", 1: "adpcm_swf", 2: "mp3", 3: "pcm_s16le", 4: "nellymoser", 5: "nellymoser", 6: "nellymoser",
	7: "pcm_alaw", 8: "pcm_mulaw", soundAAC: "aac", 11: "speex", 14: "mp3",
}

var fourCCs = map[string]string{
	"avc1": "h264", "hvc1": "hevc", "vvc1": "vvc", "av01": "av1", "vp08": "vp8", "vp09": "vp9",
	"mp4a": "aac", "Opus": "opus", "fLaC": "flac", "ac-3": "ac3", "ec-3": "eac3", ".mp3": "mp3",
}

// ParseVideo reads the head of a video payload. An empty or short one yields what can be said of it.
func ParseVideo(p []byte) VideoTag {
	if len(p) == 0 {
		return VideoTag{}
	}
	if p[0]&0x80 != 0 {
		return parseExVideo(p)
	}
	frame, codec := p[0]>>4, p[0]&0x0f
	t := VideoTag{Codec: videoCodecs[codec]}
	key := frame == frameKey || frame == frameGeneratedKey
	switch codec {
	case codecAVC, codecHEVC, codecAV1:
		if len(p) < 2 {
			return t
		}
		t.SequenceHeader = p[1] == 0 && frame != frameCommand
		t.Keyframe = key && p[1] == 1
	default:
		t.Keyframe = key
	}
	return t
}

func parseExVideo(p []byte) VideoTag {
	frame, packet := p[0]>>4&0x7, p[0]&0x0f
	packet, codec := exHeader(p, packet, exVideoMultitrack)
	t := VideoTag{Codec: codec}
	switch packet {
	case exSequenceStart, exMPEG2TSSequence:
		t.SequenceHeader = frame != frameCommand
	case exCodedFrames, exCodedFramesX:
		t.Keyframe = frame == frameKey || frame == frameGeneratedKey
	}
	return t
}

// ParseAudio reads the head of an audio payload. An empty or short one yields what can be said of it.
func ParseAudio(p []byte) AudioTag {
	if len(p) == 0 {
		return AudioTag{}
	}
	format := p[0] >> 4
	switch format {
	case soundExHeader:
		packet, codec := exHeader(p, p[0]&0x0f, exAudioMultitrack)
		return AudioTag{Codec: codec, SequenceHeader: packet == exSequenceStart && codec != ""}
	case soundAAC:
		return AudioTag{Codec: audioCodecs[format], SequenceHeader: len(p) > 1 && p[1] == 0}
	default:
		return AudioTag{Codec: audioCodecs[format]}
	}
}

// exHeader reads what follows the first byte of an enhanced tag: the FourCC, behind the multitrack byte where there is one, whose low half
// is the packet type of the tracks within.
func exHeader(p []byte, packet, multitrack byte) (packetType byte, codec string) {
	rest := p[1:]
	if packet == multitrack && len(rest) > 0 {
		packet = rest[0] & 0x0f
		if rest[0]>>4 == exManyCodecs {
			return packet, ""
		}
		rest = rest[1:]
	}
	if len(rest) < 4 {
		return packet, ""
	}
	cc := string(rest[:4])
	if name, ok := fourCCs[cc]; ok {
		return packet, name
	}
	return packet, printable(cc)
}

// printable keeps a peer's bytes out of logs and labels unless they are plain ASCII.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return "unknown"
		}
	}
	return s
}

// setDataFrame is how publishers wrap a data message that the server is to keep and send on (Adobe: NetStream.send "@setDataFrame").
const setDataFrame = "@setDataFrame"

// Unwrap removes a leading AMF0 string "@setDataFrame" from the payload of a data message: players get what follows. It shares p's memory.
func Unwrap(p []byte) []byte {
	if s, rest, ok := leadingString(p); ok && s == setDataFrame && len(rest) > 0 {
		return rest
	}
	return p
}

// IsMetadata tells whether the payload of an unwrapped data message is onMetaData (Video File Format Specification 10.1 §E.5).
func IsMetadata(p []byte) bool {
	s, _, ok := leadingString(p)
	return ok && s == "onMetaData"
}

// leadingString reads an AMF0 string (marker 2, 16-bit length; AMF0 §2.4) at the start of p.
func leadingString(p []byte) (s string, rest []byte, ok bool) {
	if len(p) < 3 || p[0] != 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(p[1:]))
	if len(p) < 3+n {
		return "", nil, false
	}
	return string(p[3 : 3+n]), p[3+n:], true
}
