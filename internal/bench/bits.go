package bench

import "math/bits"

// A bitWriter appends bits to bytes, the highest first, as H.264 and AAC have them.
type bitWriter struct {
	out  []byte
	last uint // bits used of the last byte; 0 when it is full
}

// u appends the n lowest bits of v (H.264 §7.2 "u(n)").
func (w *bitWriter) u(n uint, v uint64) {
	for n > 0 {
		n--
		if w.last == 0 {
			w.out = append(w.out, 0)
		}
		w.out[len(w.out)-1] |= byte(v>>n&1) << (7 - w.last)
		w.last = (w.last + 1) % 8
	}
}

// ue appends an unsigned Exp-Golomb code (H.264 §9.1).
func (w *bitWriter) ue(v uint64) {
	length := uint(bits.Len64(v + 1))
	w.u(length-1, 0)
	w.u(length, v+1)
}

// align fills the last byte with zeros.
func (w *bitWriter) align() { w.last = 0 }

// trail ends an RBSP: a one, and zeros up to the next byte (H.264 §7.3.2.11).
func (w *bitWriter) trail() {
	w.u(1, 1)
	w.align()
}
