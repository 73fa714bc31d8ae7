package flv

import "encoding/binary"

// setDataFrame is how publishers wrap a data message that the server is to keep and send on (Adobe: NetStream.send "@setDataFrame").
const setDataFrame = "@setDataFrame"

// Unwrap removes a leading AMF0 string "@setDataFrame" from the payload of a data message: players get what follows. It shares p's memory.
func Unwrap(p []byte) []byte {
	if s, rest, ok := leadingString(p); ok && string(s) == setDataFrame && len(rest) > 0 {
		return rest
	}
	return p
}

// IsMetadata tells whether the payload of an unwrapped data message is onMetaData (Video File Format Specification 10.1 §E.5).
func IsMetadata(p []byte) bool {
	s, _, ok := leadingString(p)
	return ok && string(s) == "onMetaData"
}

// leadingString reads an AMF0 string (marker 2, 16-bit length; AMF0 §2.4) at the start of p.
func leadingString(p []byte) (s, rest []byte, ok bool) {
	if len(p) < 3 || p[0] != 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(p[1:]))
	if len(p) < 3+n {
		return nil, nil, false
	}
	return p[3 : 3+n], p[3+n:], true
}
