package codecs

import (
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// maxParameterSets is how many of a kind there are at most: H.264 has 32 SPS (ISO 14496-15 §5.3.3.1.2: 5 bits). Nobody needs as many PPS as it allows.
const maxParameterSets = 32

// maxSide is the largest width or height that is believed: more does not fit into the 16 bits that MP4 has for it.
const maxSide = 1<<16 - 1

// maxFPS is the highest frame rate that is believed. Encoders of variable frame rates put their clock there.
const maxFPS = 300

// avcC reads an AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1.2).
//
//	| version 1 | profile | compatibility | level | 111111, length size-1 (2) | 111, SPS (5) | (size (16), SPS) … | PPS (8) | (size (16), PPS) … |
func (c *VideoConfig) avcC(p []byte) error {
	const head = 6
	if len(p) < head {
		return fmt.Errorf("avcC: %w", ErrTruncated)
	}
	if p[0] != 1 {
		return fmt.Errorf("avcC of version %d: %w", p[0], ErrUnsupported)
	}
	c.nameH264(p[1], p[2], p[3])
	c.LengthSize = int(p[4]&3) + 1
	var ok bool
	if c.SPS, p, ok = parameterSets(p[head:], int(p[5]&0x1f)); !ok || len(p) == 0 {
		return fmt.Errorf("avcC: SPS: %w", ErrTruncated)
	}
	if c.PPS, _, ok = parameterSets(p[1:], int(p[0])); !ok {
		return fmt.Errorf("avcC: PPS: %w", ErrTruncated)
	}
	if len(c.SPS) == 0 || len(c.PPS) == 0 {
		return fmt.Errorf("avcC without parameter sets: %w", ErrUnsupported)
	}
	return c.h264SPS(c.SPS[0])
}

// h264SPS describes what a sequence parameter set says (ITU-T H.264 §7.3.2.1.1).
func (c *VideoConfig) h264SPS(p []byte) error {
	var s h264.SPS
	if err := s.Unmarshal(p); err != nil {
		return fmt.Errorf("SPS: %w", err)
	}
	c.nameH264(p[1], p[2], p[3])
	if v := s.VUI; v != nil && v.TimingInfo != nil {
		c.FPS = believedFPS(s.FPS())
	}
	return c.size(s.Width(), s.Height())
}

// parameterSets reads so many, each with its size (16 bits) before it.
func parameterSets(p []byte, n int) (sets [][]byte, rest []byte, ok bool) {
	for range n {
		if len(p) < 2 {
			return sets, nil, false
		}
		size := int(binary.BigEndian.Uint16(p))
		if p = p[2:]; len(p) < size {
			return sets, nil, false
		}
		if size > 0 && len(sets) < maxParameterSets {
			sets = append(sets, p[:size:size])
		}
		p = p[size:]
	}
	return sets, p, true
}

// nameH264 names profile and level (ITU-T H.264 §A.2, §A.3; RFC 6381 §3.3).
func (c *VideoConfig) nameH264(profile, constraints, level byte) {
	c.String = fmt.Sprintf("avc1.%02x%02x%02x", profile, constraints, level)
	const set1, set3, set4, set5 = 0x40, 0x10, 0x08, 0x04
	switch profile {
	case 66:
		c.Profile = "Baseline"
		if constraints&set1 != 0 {
			c.Profile = "Constrained Baseline"
		}
	case 77:
		c.Profile = "Main"
	case 88:
		c.Profile = "Extended"
	case 100:
		c.Profile = "High"
		if constraints&(set4|set5) == set4|set5 {
			c.Profile = "Constrained High"
		}
	case 110:
		c.Profile = "High 10"
	case 122:
		c.Profile = "High 4:2:2"
	case 244:
		c.Profile = "High 4:4:4 Predictive"
	case 44:
		c.Profile = "CAVLC 4:4:4 Intra"
	}
	switch {
	case level == 9, level == 11 && constraints&set3 != 0 && profile <= 88:
		c.Level = "1b"
	default:
		c.Level = fmt.Sprintf("%d.%d", level/10, level%10)
	}
}

// size takes a picture's size, unless nobody can mean it.
func (c *VideoConfig) size(width, height int) error {
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return fmt.Errorf("picture of %d by %d: %w", width, height, ErrUnsupported)
	}
	c.Width, c.Height = width, height
	return nil
}

func believedFPS(fps float64) float64 {
	if fps > 0 && fps <= maxFPS { // false for what is no number
		return fps
	}
	return 0
}
