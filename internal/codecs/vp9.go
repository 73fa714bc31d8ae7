package codecs

import "fmt"

// vpcC reads a VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding 1.0), with the version and flags of a box before it, as FFmpeg
// writes it, or without.
//
//	| version 1 (8), flags 0 (24) |? profile (8) | level (8) | depth (4), subsampling (3), full range (1) | primaries | transfer | matrix | size (16) |
func (c *VideoConfig) vpcC(p []byte) error {
	const box, record = 4, 8
	if len(p) >= box+record && p[0] == 1 && p[1]|p[2]|p[3] == 0 {
		p = p[box:]
	}
	if len(p) < record {
		return fmt.Errorf("vpcC: %w", ErrTruncated)
	}
	c.VP9 = VP9{Profile: p[0], BitDepth: p[2] >> 4, Subsampling: p[2] >> 1 & 7, FullRange: p[2]&1 != 0}
	switch c.VP9.BitDepth {
	case 8, 10, 12:
	default:
		return fmt.Errorf("vpcC of %d bits: %w", c.VP9.BitDepth, ErrUnsupported)
	}
	level := p[1]
	c.String = fmt.Sprintf("vp09.%02d.%02d.%02d", c.VP9.Profile, level, c.VP9.BitDepth)
	c.Profile = fmt.Sprintf("Profile %d", c.VP9.Profile)
	if level > 0 {
		c.Level = fmt.Sprintf("%d.%d", level/10, level%10)
	}
	return nil
}

// VP9Frame is the configuration of a stream without a header, from what a keyframe says.
func VP9Frame(profile, depth, subsampling uint8, fullRange bool) (c VideoConfig) {
	const level = 10 // unknown: the lowest. Browsers look at the profile
	c.Codec = "vp9"
	c.VP9 = VP9{Profile: profile, BitDepth: depth, Subsampling: subsampling, FullRange: fullRange}
	c.String = fmt.Sprintf("vp09.%02d.%02d.%02d", profile, level, depth)
	c.Profile = fmt.Sprintf("Profile %d", profile)
	return c
}
