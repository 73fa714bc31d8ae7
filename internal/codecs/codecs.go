package codecs

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
)

// Video describes the video of a stream. What its header doesn't say is 0 or "".
type Video struct {
	Codec         string // as FFmpeg names it: h264, hevc, av1, vp9
	String        string // as in a MIME type's codecs (RFC 6381): avc1.64001f, hvc1.1.6.L93.B0, av01.0.04M.08, vp09.00.31.08
	Profile       string // High, Main 10 …
	Level         string // 3.1 …
	Width, Height int    // pixels
	FPS           float64
}

// Audio describes the audio of a stream. What its header doesn't say is 0 or "".
type Audio struct {
	Codec      string // as FFmpeg names it: aac, opus, flac
	String     string // as in a MIME type's codecs (RFC 6381): mp4a.40.2, opus, flac
	Profile    string // AAC LC, HE-AAC …
	SampleRate int    // hertz, of what is heard
	Channels   int
}

// A VideoConfig is a decoder's configuration.
type VideoConfig struct {
	Video
	VPS, SPS, PPS  [][]byte // H.264, HEVC: NAL units, at most maxParameterSets of each. They share the header's memory
	General        []byte   // HEVC: the general profile, tier, compatibility, constraints and level, in twelve bytes
	LengthSize     int      // H.264, HEVC: bytes of the size before each NAL unit, 1 to 4
	SequenceHeader []byte   // AV1: the OBU, without a size of its own. Some encoders send it with keyframes alone
	VP9            VP9
}

// VP9 is what a muxer must know of VP9, besides its picture size, which is in keyframes.
type VP9 struct {
	Profile, BitDepth, Subsampling uint8 // Subsampling as in a vpcC box
	FullRange                      bool
}

// An AudioConfig is a decoder's configuration.
type AudioConfig struct {
	Audio
	AAC mpeg4audio.AudioSpecificConfig
}

// DescribeVideo describes what a sequence header says: the payload of an RTMP video message or FLV tag, of any layout; the lowest track's, if
// there are several. Beside an error, it describes what could be read.
func DescribeVideo(payload []byte) (Video, error) {
	b, ok := flv.VideoBody(payload)
	if !ok || b.Type != flv.SequenceHeader {
		return Video{Codec: flv.ParseVideo(payload).Codec}, ErrNotHeader
	}
	c, err := ParseVideo(b)
	return c.Video, err
}

// DescribeAudio describes what a sequence header says, as DescribeVideo does. MP3 has none: there, any frame does.
func DescribeAudio(payload []byte) (Audio, error) {
	b, ok := flv.AudioBody(payload)
	if header := b.Type == flv.SequenceHeader || b.Codec == "mp3" && b.Type == flv.Frame; !ok || !header {
		return Audio{Codec: flv.ParseAudio(payload).Codec}, ErrNotHeader
	}
	c, err := ParseAudio(b)
	return c.Audio, err
}

// ParseVideo reads a sequence header. Beside an error, it returns what could be read.
func ParseVideo(b flv.Body) (c VideoConfig, err error) {
	c.Codec = b.Codec
	switch b.Codec {
	case "h264":
		err = c.avcC(b.Data)
	case "hevc":
		err = c.hvcC(b.Data)
	case "av1":
		err = c.av1C(b.Data)
	case "vp9":
		err = c.vpcC(b.Data)
	case "vp8":
		c.String = "vp8"
	default:
		err = ErrUnsupported
	}
	return c, named(b.Codec, err)
}

// ParseAudio reads a sequence header; of MP3, a frame. Beside an error, it returns what could be read.
func ParseAudio(b flv.Body) (c AudioConfig, err error) {
	c.Codec = b.Codec
	switch b.Codec {
	case "aac":
		err = c.specific(b.Data)
	case "opus":
		err = c.opusHead(b.Data)
	case "flac":
		err = c.streamInfo(b.Data)
	case "mp3":
		err = c.mp3Frame(b.Data)
	case "ac3":
		c.String = "ac-3"
	case "eac3":
		c.String = "ec-3"
	default:
		err = ErrUnsupported
	}
	return c, named(b.Codec, err)
}

func named(codec string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sequence header of %q: %w", codec, err)
}
