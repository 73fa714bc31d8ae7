package flv

// Packet types of enhanced tags (Enhanced RTMP v2 "VideoPacketType", "AudioPacketType"). Those that name neither kind are the same in both.
const (
	exSequenceStart     = 0
	exCodedFrames       = 1
	exSequenceEnd       = 2
	exVideoFramesX      = 3 // coded frames without a composition time
	exVideoMetadata     = 4
	exVideoMPEG2TSStart = 5
	exVideoMultitrack   = 6
	exAudioMultichannel = 4
	exAudioMultitrack   = 5
	exModEx             = 7
)

// How tracks are packed (Enhanced RTMP v2 "AvMultitrackType").
const (
	exOneTrack   = 0
	exManyTracks = 1
	exManyCodecs = 2 // ManyTracksManyCodecs
)

const (
	fourCCSize    = 4
	trackSizeSize = 3   // sizeOfVideoTrack, sizeOfAudioTrack: UI24
	modExLong     = 255 // the size byte that stands for a 16-bit size behind it
	maxModEx      = 16  // of one packet. One modifier is defined; nobody needs many
)

func (t *Tag) parseExVideo(p []byte) {
	frame := p[0] >> 4 & 0x7
	var e exPacket
	if !e.parse(p[0]&0x0f, p[1:], exVideoMultitrack) {
		return
	}
	switch { // the frame type of metadata is to be ignored
	case e.packet == exVideoMetadata:
		t.Type = Properties
	case frame == frameCommand:
		return // what looked like a FourCC is the command
	case e.packet == exSequenceStart, e.packet == exVideoMPEG2TSStart:
		t.Type = SequenceHeader
	case e.packet == exCodedFrames, e.packet == exVideoFramesX:
		t.Type = frameType(frame)
	case e.packet == exSequenceEnd:
		t.Type = SequenceEnd
	}
	t.of(&e)
}

func (t *Tag) parseExAudio(p []byte) {
	var e exPacket
	if !e.parse(p[0]&0x0f, p[1:], exAudioMultitrack) {
		return
	}
	switch e.packet {
	case exSequenceStart:
		t.Type = SequenceHeader
	case exAudioMultichannel:
		t.Type = Properties
	case exCodedFrames:
		t.Type = Frame
	case exSequenceEnd:
		t.Type = SequenceEnd
	}
	t.of(&e)
}

// of sets whose the payload is.
func (t *Tag) of(e *exPacket) {
	t.Codec = e.codec()
	if t.Type != Other {
		t.Tracks = e.tracks
	}
}

// An exPacket is what stands before the bodies of an enhanced packet.
type exPacket struct {
	packet byte // its type, or that of its tracks
	fourCC []byte
	tracks Tracks
}

// parse reads an enhanced packet from behind its first byte, which had the packet type (Enhanced RTMP v2 "ExVideoTagHeader",
// "ExVideoTagBody", and their twins for audio). It fails if that breaks off, or is packed in a way that is not defined.
//
//	[ModEx …] FourCC body                                        one track, that has no id: the default track
//	[ModEx …] 0|packet FourCC trackId body                       OneTrack
//	[ModEx …] 1|packet FourCC (trackId size body) …              ManyTracks
//	[ModEx …] 2|packet (FourCC trackId size body) …              ManyTracksManyCodecs
func (e *exPacket) parse(packet byte, p []byte, multitrack byte) bool {
	packet, p, ok := skipModEx(packet, p)
	if !ok {
		return false
	}
	if packet != multitrack {
		e.packet, e.fourCC = packet, p
		e.tracks.add(defaultTrack)
		return e.cut()
	}
	if len(p) == 0 {
		return false
	}
	packing := p[0] >> 4
	e.packet, p = p[0]&0x0f, p[1:]
	if e.packet == multitrack || e.packet == exModEx || packing > exManyCodecs {
		return false
	}
	if packing != exManyCodecs {
		e.fourCC = p
		if !e.cut() {
			return false
		}
		p = p[fourCCSize:]
	}
	if packing != exOneTrack {
		return e.many(p, packing == exManyCodecs)
	}
	if len(p) == 0 {
		return false
	}
	e.tracks.add(p[0])
	return true
}

// skipModEx goes past the modifiers before a packet, and returns the packet's type. None of them changes what the packet is.
//
//	size-1 (UI8) | data | type (UB4), next packet type (UB4)          up to 255 bytes of data
//	255 | size-1 (UI16) | data | type (UB4), next packet type (UB4)
func skipModEx(packet byte, p []byte) (next byte, rest []byte, ok bool) {
	for n := 0; packet == exModEx; n++ {
		if n == maxModEx || len(p) == 0 {
			return packet, p, false
		}
		size := int(p[0]) + 1
		p = p[1:]
		if size == modExLong+1 {
			if len(p) < 2 {
				return packet, p, false
			}
			size = int(p[0])<<8 + int(p[1]) + 1
			p = p[2:]
		}
		if len(p) <= size {
			return packet, p, false
		}
		packet, p = p[size]&0x0f, p[size+1:]
	}
	return packet, p, true
}

// many reads the tracks of a packet, to its end. A size that points beyond it makes a track the last one.
func (e *exPacket) many(p []byte, codecs bool) bool {
	for len(p) > 0 {
		fourCC := e.fourCC
		if codecs {
			if len(p) < fourCCSize {
				break
			}
			fourCC, p = p[:fourCCSize], p[fourCCSize:]
		}
		if len(p) < 1+trackSizeSize {
			break
		}
		id := p[0]
		size := int(p[1])<<16 | int(p[2])<<8 | int(p[3])
		p = p[1+trackSizeSize:]
		if lowest, ok := e.tracks.Lowest(); !ok || id < lowest {
			e.fourCC = fourCC
		}
		e.tracks.add(id)
		p = p[min(size, len(p)):]
	}
	return e.tracks != Tracks{}
}

// cut leaves the FourCC of what it is the beginning of.
func (e *exPacket) cut() bool {
	if len(e.fourCC) < fourCCSize {
		return false
	}
	e.fourCC = e.fourCC[:fourCCSize]
	return true
}

// codec names the FourCC (Enhanced RTMP v2 "VideoFourCc", "AudioFourCc").
func (e *exPacket) codec() string {
	switch string(e.fourCC) {
	case "avc1":
		return "h264"
	case "hvc1":
		return "hevc"
	case "vvc1":
		return "vvc"
	case "av01":
		return "av1"
	case "vp08":
		return "vp8"
	case "vp09":
		return "vp9"
	case "mp4a":
		return "aac"
	case "Opus":
		return "opus"
	case "fLaC":
		return "flac"
	case "ac-3":
		return "ac3"
	case "ec-3":
		return "eac3"
	case ".mp3":
		return "mp3"
	}
	return printable(e.fourCC)
}

// printable keeps a peer's bytes out of logs and labels unless they are plain ASCII.
func printable(b []byte) string {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return "unknown"
		}
	}
	return string(b)
}
