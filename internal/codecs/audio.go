package codecs

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg1audio"
)

// opusRate is the clock of Opus (RFC 7845 §4), whatever the input was.
const opusRate = 48000

// opusHead reads an identification header (RFC 7845 §5.1).
//
//	| "OpusHead" | version (8) | channels (8) | pre-skip (16) | rate of the input (32) | gain (16) | family (8) | …
func (c *AudioConfig) opusHead(p []byte) error {
	const head = 19
	c.String, c.SampleRate = "opus", opusRate
	if len(p) < head {
		return fmt.Errorf("OpusHead: %w", ErrTruncated)
	}
	if string(p[:8]) != "OpusHead" || p[8]>>4 != 0 || p[9] == 0 {
		return fmt.Errorf("OpusHead: %w", ErrUnsupported)
	}
	c.Channels = int(p[9])
	return nil
}

// streamInfo reads FLAC's first metadata block (RFC 9639 §8.1, §8.2), with the stream's marker before it, or without.
//
//	"fLaC"? | last (1), type 0 (7) | length 34 (24) | block sizes (32) | frame sizes (48) | rate (20), channels-1 (3), depth-1 (5), …
func (c *AudioConfig) streamInfo(p []byte) error {
	const head, info = 4, 34
	c.String = "flac"
	p = bytes.TrimPrefix(p, []byte("fLaC"))
	if len(p) < head+info {
		return fmt.Errorf("STREAMINFO: %w", ErrTruncated)
	}
	if p[0]&0x7f != 0 {
		return fmt.Errorf("metadata block of type %d: %w", p[0]&0x7f, ErrUnsupported)
	}
	v := binary.BigEndian.Uint32(p[head+10:])
	c.SampleRate, c.Channels = int(v>>12), int(v>>9&7)+1
	return nil
}

// mp3Frame reads a frame's header.
func (c *AudioConfig) mp3Frame(p []byte) error {
	c.String = "mp4a.6B"
	var h mpeg1audio.FrameHeader
	if err := h.Unmarshal(p); err != nil {
		return err
	}
	if h.Layer != 3 {
		return fmt.Errorf("layer %d: %w", h.Layer, ErrUnsupported)
	}
	c.SampleRate, c.Channels = h.SampleRate, 2
	if h.ChannelMode == mpeg1audio.ChannelModeMono {
		c.Channels = 1
	}
	return nil
}
