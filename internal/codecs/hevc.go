package codecs

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// hvcC reads an HEVCDecoderConfigurationRecord (ISO 14496-15 §8.3.3.1.2): 23 bytes, then arrays of parameter sets.
//
//	| version 1 | space (2), tier (1), profile (5) | compatibility (32) | constraints (48) | level (8) | … | … length size-1 (2) | arrays (8) |
//	array: | … type (6) | units (16) | (size (16), unit) … |
func (c *VideoConfig) hvcC(p []byte) error {
	const head = 23
	if len(p) < head {
		return fmt.Errorf("hvcC: %w", ErrTruncated)
	}
	if p[0] > 1 { // 0 was written by encoders before the record was settled
		return fmt.Errorf("hvcC of version %d: %w", p[0], ErrUnsupported)
	}
	c.General = p[1:13:13]
	c.nameHEVC(c.General)
	c.LengthSize = int(p[21]&3) + 1
	arrays := int(p[22])
	p = p[head:]
	for range arrays {
		if len(p) < 3 {
			return fmt.Errorf("hvcC: %w", ErrTruncated)
		}
		sets, rest, ok := parameterSets(p[3:], int(binary.BigEndian.Uint16(p[1:])))
		if !ok {
			return fmt.Errorf("hvcC: %w", ErrTruncated)
		}
		switch h265.NALUType(p[0] & 0x3f) {
		case h265.NALUType_VPS_NUT:
			c.VPS = append(c.VPS, sets...)
		case h265.NALUType_SPS_NUT:
			c.SPS = append(c.SPS, sets...)
		case h265.NALUType_PPS_NUT:
			c.PPS = append(c.PPS, sets...)
		}
		p = rest
	}
	if len(c.VPS) == 0 || len(c.SPS) == 0 || len(c.PPS) == 0 {
		return fmt.Errorf("hvcC without parameter sets: %w", ErrUnsupported)
	}
	return c.hevcSPS(c.SPS[0])
}

// hevcSPS describes what a sequence parameter set says (ITU-T H.265 §7.3.2.2).
func (c *VideoConfig) hevcSPS(p []byte) error {
	var s h265.SPS
	if err := s.Unmarshal(p); err != nil {
		return fmt.Errorf("SPS: %w", err)
	}
	if s.VUI != nil && s.VUI.TimingInfo != nil {
		c.FPS = believedFPS(s.FPS())
	}
	return c.size(s.Width(), s.Height())
}

// nameHEVC names profile, tier and level (ITU-T H.265 §A.3, §A.4; ISO 14496-15 §E.3), from twelve bytes of profile_tier_level().
//
//	hvc1.1.6.L93.B0: the profile, its compatibility flags with their bits reversed, tier and level, constraints up to the last that is not 0
func (c *VideoConfig) nameHEVC(p []byte) {
	space, profile, level := p[0]>>6, p[0]&0x1f, p[11]
	tier := 'L'
	c.Level = fmt.Sprintf("%d.%d", level/30, level%30/3)
	if p[0]&0x20 != 0 {
		tier = 'H'
		c.Level += " High"
	}
	var b strings.Builder
	b.WriteString("hvc1.")
	if space > 0 {
		b.WriteByte('A' + space - 1)
	}
	fmt.Fprintf(&b, "%d.%X.%c%d", profile, bits.Reverse32(binary.BigEndian.Uint32(p[1:])), tier, level)
	constraints := p[5:11]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, x := range constraints {
		fmt.Fprintf(&b, ".%X", x)
	}
	c.String = b.String()
	if int(profile) < len(hevcProfiles) {
		c.Profile = hevcProfiles[profile]
	}
}

var hevcProfiles = [...]string{
	1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions", 5: "High Throughput", 6: "Multiview Main", 7: "Scalable Main",
	8: "3D Main", 9: "Screen Content Coding", 10: "Scalable Range Extensions", 11: "High Throughput Screen Content Coding",
}
