package live

// A segment is a piece of a stream's log. Its bytes don't change once they are written, and the garbage collector keeps them for whoever refers to
// them: the log, a player that got a part of a packet of it, and whoever looks at the log just now.
type segment struct {
	start uint64 // position of its first byte in the stream
	bytes []byte
	used  int // grows; a view knows by itself how far it reaches
}

// Sizes of segments. A log has some of them, so that it forgets piece by piece; the more it holds, the larger they are.
const (
	minSegment = 64 << 10
	maxSegment = 2 << 20
	perLog     = 4
)

// newSegment returns a segment that takes so many bytes, for a log that holds some.
func newSegment(start uint64, bytes, held int) *segment {
	size := minSegment
	for size < maxSegment && 2*size <= held/perLog {
		size *= 2
	}
	return &segment{start: start, bytes: make([]byte, max(size, bytes))}
}

// piece returns what lies between two positions of the stream.
func (s *segment) piece(from, to uint64) []byte {
	return s.bytes[from-s.start : to-s.start : to-s.start]
}
