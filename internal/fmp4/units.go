package fmp4

import "github.com/rtmp-edge/rtmp-edge/internal/codecs"

// maxSize is the size field of NAL units in samples: four bytes, as the library's configurations say.
const maxSize = 4

// nalUnits returns H.264 or HEVC as in a sample: each unit with its size in four bytes before it. It is the same memory where it is so already. It fails
// where sizes don't add up (start codes, say), and where nothing is left.
func nalUnits(p []byte, lengthSize int) (out []byte, ok bool) {
	keep := lengthSize == maxSize
	units := 0
	for rest := p; len(rest) > 0; {
		n, next, ok := nalUnit(rest, lengthSize)
		if !ok {
			return nil, false
		}
		if n == 0 {
			keep = false
		} else {
			units++
		}
		rest = next[n:]
	}
	if keep || units == 0 {
		return p, units > 0
	}
	out = make([]byte, 0, len(p)+units*(maxSize-lengthSize))
	for rest := p; len(rest) > 0; {
		n, next, _ := nalUnit(rest, lengthSize)
		if n > 0 {
			out = append(out, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
			out = append(out, next[:n]...)
		}
		rest = next[n:]
	}
	return out, true
}

// nalUnit reads a size, and returns what is behind it.
func nalUnit(p []byte, lengthSize int) (n int, rest []byte, ok bool) {
	if len(p) < lengthSize {
		return 0, nil, false
	}
	for _, x := range p[:lengthSize] {
		n = n<<8 | int(x)
	}
	p = p[lengthSize:]
	return n, p, n <= len(p)
}

// obuTemporalDelimiter is the OBU that no sample has (AV1 in ISO-BMFF 1.2 §2.4).
const obuTemporalDelimiter = 2

// temporalUnit returns AV1 as in a sample: without temporal delimiters. It is the same memory where it is so already.
func temporalUnit(p []byte) (out []byte, ok bool) {
	for rest := p; len(rest) > 0; {
		o, err := codecs.NextOBU(rest)
		if err != nil {
			return nil, false
		}
		if o.Type != obuTemporalDelimiter {
			out = append(out, rest[:o.Size]...)
		}
		rest = rest[o.Size:]
	}
	return out, len(out) > 0
}
