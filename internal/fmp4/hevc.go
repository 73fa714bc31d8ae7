package fmp4

import (
	"bytes"
)

// Sizes in an hvcC box (ISO 14496-15 §8.3.3.1.2).
const (
	hvcCProfile = 1  // where profile, tier, compatibility, constraints and level begin
	hvcCLevel   = 13 // where they end
	hvcCArrays  = 23 // where the arrays of parameter sets begin
)

// amendHEVC changes in an initialization segment what the library writes otherwise than Safari wants, or the publisher said:
//
//   - The sample entry becomes hvc1: Safari takes no hev1. All parameter sets are in the initialization segment, as that asks for, and say so
//     (array_completeness).
//   - The general profile, tier and constraints are the publisher's. The library leaves out the tier, and takes the constraints from where
//     emulation prevention has moved them.
func (c *config) amendHEVC(init []byte) {
	entry := bytes.Index(init, []byte("hev1"))
	if entry < 0 {
		return
	}
	copy(init[entry:], "hvc1")
	i := bytes.Index(init[entry:], []byte("hvcC"))
	if i < 0 {
		return
	}
	record := init[entry+i+4:]
	if len(c.video.General) == hvcCLevel-hvcCProfile {
		copy(record[hvcCProfile:hvcCLevel], c.video.General)
	}
	at := hvcCArrays
	for _, sets := range [][][]byte{c.video.VPS, c.video.SPS, c.video.PPS} {
		const complete = 0x80
		record[at] |= complete
		at += 1 + 2 + 2 + len(sets[0])
	}
}
