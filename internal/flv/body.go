package flv

// A Body is what a payload carries of one track: of its lowest, if there are several.
type Body struct {
	Codec       string // as in Tag
	Type        Type
	Track       uint8
	Composition int32  // of a frame, in milliseconds: how much later than decoded it is shown. Only H.264, HEVC and VVC have it
	Data        []byte // of a frame: the coded data; of a sequence header: the decoder's configuration. Shares the payload's memory
}

// signed24 is the size of a composition time: SI24.
const signed24 = 3

// legacyVideoHead is what is before the data of AVC, and of those that follow its layout (FLV §E.4.3.1): frame type and codec, packet type, SI24.
const legacyVideoHead = 2 + signed24

// VideoBody returns the body of a video payload. It fails where [ParseVideo] finds no type, and where the body breaks off before it begins.
func VideoBody(p []byte) (b Body, ok bool) {
	t := ParseVideo(p)
	if t.Type == Other {
		return b, false
	}
	b.of(&t)
	if p[0]&0x80 != 0 {
		ok = b.exVideo(p)
		return b, ok
	}
	switch p[0] & 0x0f {
	case codecAVC, codecHEVC, codecAV1:
		if len(p) < legacyVideoHead {
			return b, false
		}
		if t.Type.Media() {
			b.Composition = composition(p[2:])
		}
		b.Data = p[legacyVideoHead:]
	default:
		b.Data = p[1:]
	}
	return b, true
}

// AudioBody returns the body of an audio payload. It fails where [ParseAudio] finds no type.
func AudioBody(p []byte) (b Body, ok bool) {
	t := ParseAudio(p)
	if t.Type == Other {
		return b, false
	}
	b.of(&t)
	switch p[0] >> 4 {
	case soundExHeader:
		_, b.Data, ok = lowestBody(p, exAudioMultitrack)
		return b, ok
	case soundAAC:
		b.Data = p[2:]
	default:
		b.Data = p[1:]
	}
	return b, true
}

func (b *Body) of(t *Tag) {
	b.Codec, b.Type = t.Codec, t.Type
	b.Track, _ = t.Tracks.Lowest()
}

// exVideo reads the body of an enhanced payload of video.
func (b *Body) exVideo(p []byte) bool {
	packet, data, ok := lowestBody(p, exVideoMultitrack)
	if !ok {
		return false
	}
	b.Data = data
	switch packet {
	case exVideoMPEG2TSStart: // a descriptor of MPEG-2 TS in the place of the configuration
		b.Data = nil
	case exCodedFrames:
		switch b.Codec {
		case "h264", "hevc", "vvc":
			if len(data) < signed24 {
				return false
			}
			b.Composition, b.Data = composition(data), data[signed24:]
		}
	}
	return true
}

// lowestBody returns what an enhanced payload has of its lowest track, and of which packet type that is. Its layout is at exPacket.parse, which
// must have taken the payload.
func lowestBody(p []byte, multitrack byte) (packet byte, body []byte, ok bool) {
	packet, p, ok = skipModEx(p[0]&0x0f, p[1:])
	if !ok {
		return 0, nil, false
	}
	if packet != multitrack {
		return packet, p[fourCCSize:], true
	}
	packing := p[0] >> 4
	packet, p = p[0]&0x0f, p[1:]
	switch packing {
	case exOneTrack:
		return packet, p[fourCCSize+1:], true
	case exManyTracks:
		return packet, lowestOf(p[fourCCSize:], 0), true
	default:
		return packet, lowestOf(p, fourCCSize), true
	}
}

// lowestOf goes through tracks that each have so many bytes of a FourCC before them, as exPacket.many does.
func lowestOf(p []byte, fourCC int) (body []byte) {
	lowest := 1 << 8
	for len(p) >= fourCC+1+trackSizeSize {
		p = p[fourCC:]
		id, size := int(p[0]), int(p[1])<<16|int(p[2])<<8|int(p[3])
		p = p[1+trackSizeSize:]
		size = min(size, len(p))
		if id < lowest {
			lowest, body = id, p[:size:size]
		}
		p = p[size:]
	}
	return body
}

// composition reads an SI24.
func composition(p []byte) int32 {
	return int32(uint32(p[0])<<24|uint32(p[1])<<16|uint32(p[2])<<8) >> 8
}
