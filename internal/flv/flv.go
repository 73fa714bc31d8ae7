// Package flv reads the first bytes of audio, video and data payloads: just enough to know what a server must know of them (is it a keyframe,
// a sequence header, metadata, which codec, which track), never the media itself. RTMP messages and FLV tags carry the same payloads.
//
// Nothing here refuses a payload: what is broken off, or of a version to come, is [Other], and passes as it is.
package flv

// A Tag is what the first bytes of an audio or video payload say.
type Tag struct {
	Codec  string // as FFmpeg names it: h264, hevc, aac …; a FourCC nobody knows as it is; "" when it isn't said. Of the lowest track
	Type   Type
	Tracks Tracks // those that the payload has something of; empty for Other
}

// A Type is what a payload is for.
type Type uint8

// The types.
const (
	Other          Type = iota // no media: a command, a silence, or what this package does not know
	Frame                      // coded media
	Keyframe                   // coded video that decoding may start at
	SequenceHeader             // the decoder's configuration
	Properties                 // what a player needs beside it: a video's colours (metadata packet), an audio's channels (multichannel config)
	SequenceEnd                // the end of a track; encoders give it any timestamp
)

// Media tells whether the payload is coded media, with a time of its own.
func (t Type) Media() bool { return t == Frame || t == Keyframe }

// Header tells whether players need the payload before they can play what follows.
func (t Type) Header() bool { return t == SequenceHeader || t == Properties }

// Video frame types (Video File Format Specification 10.1 §E.4.3.1; Enhanced RTMP v2 "VideoFrameType").
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

// Packet types of AVC (FLV §E.4.3.1 "AVCPacketType") and AAC (§E.4.2.1 "AACPacketType").
const (
	packetSequenceHeader = 0
	packetFrame          = 1
	packetSequenceEnd    = 2 // AVC only
)

// Sound formats (FLV §E.4.2.1); 9 is Enhanced RTMP's ExHeader.
const (
	soundExHeader = 9
	soundAAC      = 10
)

var videoCodecs = [16]string{2: "flv1", 3: "flashsv", 4: "vp6f", 5: "vp6a", 6: "flashsv2", codecAVC: "h264", codecHEVC: "hevc", codecAV1: "av1"}

var audioCodecs = [16]string{
	0: "pcm", 1: "adpcm_swf", 2: "mp3", 3: "pcm_s16le", 4: "nellymoser", 5: "nellymoser", 6: "nellymoser",
	7: "pcm_alaw", 8: "pcm_mulaw", soundAAC: "aac", 11: "speex", 14: "mp3",
}

// ParseVideo reads the head of a video payload (FLV §E.4.3.1; Enhanced RTMP v2 "Enhanced Video").
//
//	 0 1 2 3 4 5 6 7                    0 1 2 3 4 5 6 7   8 .. 39
//	+-+-----+-------+                  +-+-----+-------+ +--------+
//	|0|frame| codec | AVCPacketType …  |1|frame| packet| | FourCC | …
//	+-+-----+-------+                  +-+-----+-------+ +--------+
func ParseVideo(p []byte) (t Tag) {
	if len(p) == 0 {
		return t
	}
	if p[0]&0x80 != 0 {
		t.parseExVideo(p)
		return t
	}
	frame, codec := p[0]>>4, p[0]&0x0f
	t.Codec = videoCodecs[codec]
	if frame == frameCommand {
		return t
	}
	switch codec {
	case codecAVC, codecHEVC, codecAV1:
		if len(p) > 1 {
			t.Type = typeOf(p[1], frame)
		}
	default:
		t.Type = frameType(frame)
	}
	if t.Type != Other {
		t.Tracks.add(defaultTrack)
	}
	return t
}

// ParseAudio reads the head of an audio payload (FLV §E.4.2.1; Enhanced RTMP v2 "Enhanced Audio").
//
//	 0 1 2 3 4 5 6 7                    0 1 2 3 4 5 6 7   8 .. 39
//	+-------+---+-+-+                  +-------+-------+ +--------+
//	| format| …     | AACPacketType …  | 9     | packet| | FourCC | …
//	+-------+---+-+-+                  +-------+-------+ +--------+
func ParseAudio(p []byte) (t Tag) {
	if len(p) == 0 {
		return t
	}
	format := p[0] >> 4
	if format == soundExHeader {
		t.parseExAudio(p)
		return t
	}
	t.Codec = audioCodecs[format]
	switch {
	case format != soundAAC:
		t.Type = Frame
	case len(p) > 1 && p[1] == packetSequenceHeader:
		t.Type = SequenceHeader
	case len(p) > 1 && p[1] == packetFrame:
		t.Type = Frame
	}
	if t.Type != Other {
		t.Tracks.add(defaultTrack)
	}
	return t
}

// typeOf is the type of a packet of AVC, and of those that follow its layout.
func typeOf(packet, frame byte) Type {
	switch packet {
	case packetSequenceHeader:
		return SequenceHeader
	case packetFrame:
		return frameType(frame)
	case packetSequenceEnd:
		return SequenceEnd
	}
	return Other
}

func frameType(frame byte) Type {
	if frame == frameKey || frame == frameGeneratedKey {
		return Keyframe
	}
	return Frame
}
