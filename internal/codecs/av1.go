package codecs

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

var av1Profiles = [...]string{"Main", "High", "Professional"}

// av1C reads an AV1CodecConfigurationRecord (AV1 in ISO-BMFF 1.2 §2.3.3).
//
//	| 1, version 1 (7) | profile (3), level (5) | tier, high depth, 12 bit, mono, subsampling (2), position (2) | … | OBUs … |
func (c *VideoConfig) av1C(p []byte) error {
	const head = 4
	if len(p) < head {
		return fmt.Errorf("av1C: %w", ErrTruncated)
	}
	if p[0] != 0x81 {
		return fmt.Errorf("av1C begins with %#x: %w", p[0], ErrUnsupported)
	}
	depth := 8
	switch {
	case p[2]&0x60 == 0x60:
		depth = 12
	case p[2]&0x40 != 0:
		depth = 10
	}
	c.nameAV1(p[1]>>5, p[1]&0x1f, p[2]&0x80 != 0, depth)
	err := c.AV1Frame(p[head:])
	if errors.Is(err, ErrNotHeader) { // it may be left to keyframes
		return nil
	}
	return err
}

// AV1Frame looks for a sequence header among the OBUs of a keyframe, where some encoders have it alone, and takes its configuration. It fails with
// ErrNotHeader if there is none.
func (c *VideoConfig) AV1Frame(p []byte) error {
	for len(p) > 0 {
		o, err := NextOBU(p)
		if err != nil {
			return err
		}
		if o.Type == byte(av1.OBUTypeSequenceHeader) {
			c.SequenceHeader = o.Bare()
			return c.av1Header()
		}
		p = p[o.Size:]
	}
	return fmt.Errorf("OBUs: %w", ErrNotHeader)
}

func (c *VideoConfig) av1Header() error {
	var h av1.SequenceHeader
	if err := h.Unmarshal(c.SequenceHeader); err != nil {
		return fmt.Errorf("AV1 sequence header: %w", err)
	}
	if h.ColorConfig.BitDepth == 0 || len(h.SeqLevelIdx) == 0 {
		return fmt.Errorf("AV1 sequence header of profile %d: %w", h.SeqProfile, ErrUnsupported)
	}
	c.nameAV1(h.SeqProfile, h.SeqLevelIdx[0], h.SeqTier[0], h.ColorConfig.BitDepth)
	if t := h.TimingInfo; t != nil && t.EqualPictureInterval && t.NumUnitsInDisplayTick > 0 {
		c.FPS = believedFPS(float64(t.TimeScale) / float64(t.NumUnitsInDisplayTick) / (float64(t.NumTicksPerPictureMinus1) + 1))
	}
	return c.size(h.Width(), h.Height())
}

// nameAV1 names profile, level and tier (AV1 §A.2, §A.3; AV1 in ISO-BMFF 1.2 §5).
func (c *VideoConfig) nameAV1(profile, level byte, high bool, depth int) {
	tier := 'M'
	c.Level = fmt.Sprintf("%d.%d", 2+level>>2, level&3)
	if level == 31 { // "maximum parameters": no limits
		c.Level = "Max"
	}
	if high {
		tier = 'H'
		c.Level += " High"
	}
	c.String = fmt.Sprintf("av01.%d.%02d%c.%02d", profile, level, tier, depth)
	if int(profile) < len(av1Profiles) {
		c.Profile = av1Profiles[profile]
	}
}

// An OBU is one unit of a stream of AV1 (AV1 §5.3).
type OBU struct {
	Type    byte
	Size    int // of all of it
	header  []byte
	payload []byte
}

// NextOBU reads the OBU that p begins with. One without a size goes on to the end.
//
//	| 0, type (4), extension (1), has size (1), 0 | extension (8)? | size (leb128)? | payload |
func NextOBU(p []byte) (o OBU, err error) {
	head := 1
	if len(p) > 0 && p[0]&4 != 0 {
		head++
	}
	if len(p) < head {
		return o, fmt.Errorf("OBU: %w", ErrTruncated)
	}
	if p[0]&0x80 != 0 {
		return o, fmt.Errorf("OBU begins with %#x: %w", p[0], ErrUnsupported)
	}
	o.Type, o.header, o.payload = p[0]>>3, p[:head], p[head:]
	o.Size = len(p)
	if p[0]&2 == 0 {
		return o, nil
	}
	size, n := leb128(o.payload)
	if n == 0 || size > uint64(len(o.payload)-n) {
		return o, fmt.Errorf("OBU: %w", ErrTruncated)
	}
	o.payload = o.payload[n : n+int(size)]
	o.Size = head + n + int(size)
	return o, nil
}

// Bare returns a copy of the OBU without its size, and without the extension, which says which layer it is of.
func (o *OBU) Bare() []byte {
	return append([]byte{o.header[0] &^ (4 | 2)}, o.payload...)
}

// leb128 reads a number of at most eight bytes (AV1 §4.10.5), and returns how many it has; 0 if it breaks off.
func leb128(p []byte) (v uint64, n int) {
	for i, x := range p[:min(8, len(p))] {
		v |= uint64(x&0x7f) << (7 * i)
		if x&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}
