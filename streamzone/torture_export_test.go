//go:build torture

package streamzone

// ClaimWords is how many words a claim fills without its name.
const ClaimWords = 5

// EncodeClaim is all of a claim but its name.
func EncodeClaim(c Claim) [ClaimWords]uint64 {
	return [ClaimWords]uint64{c.id.Generation, uint64(c.id.Index), c.zone, uint64(c.index), uint64(c.state)}
}

// DecodeClaim is the claim of that name, as its owner had it.
func DecodeClaim(w [ClaimWords]uint64, name string) Claim {
	id := ID{Generation: w[0], Index: uint32(w[1])}
	return Claim{id: id, name: name, zone: w[2], index: uint32(w[3]), state: state(w[4])}
}

// Life is the slot and the epoch that the claim belongs to.
func (c Claim) Life() (slot int, epoch uint16) { return c.state.slot(), c.state.epoch() }
