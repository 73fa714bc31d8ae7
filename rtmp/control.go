package rtmp

import "encoding/binary"

// Events of a user control message (RTMP 1.0 §7.1.7). Peers also send 26, 27,
// 31 and 32, which are in no specification and need no answer.
const (
	userStreamBegin     = 0
	userStreamEOF       = 1
	userSetBufferLength = 3
	userPingRequest     = 6
	userPingResponse    = 7
)

// Limit type of a SetPeerBandwidth message: "hard if the last one was hard,
// else ignore" (RTMP 1.0 §5.4.5).
const bandwidthDynamic = 2

// Bounds of the window that a peer may ask for. Below, acknowledgements would
// cost more than they tell; above, a peer that waits for them might starve.
const (
	minWindow = 4 << 10
	maxWindow = 16 << 20
)

// protocolControl makes a protocol control message whose payload is one number:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  chunk size, sequence number or window size (RTMP 1.0 §5.4)   |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func protocolControl(t MessageType, value uint32) outgoing {
	return outgoing{CSIDControl, Message{Type: t, Payload: binary.BigEndian.AppendUint32(nil, value)}}
}

// setPeerBandwidth makes a SetPeerBandwidth message: the window and one byte
// of limit type (RTMP 1.0 §5.4.5).
func setPeerBandwidth(window uint32) outgoing {
	m := protocolControl(TypeSetPeerBandwidth, window)
	m.Payload = append(m.Payload, bandwidthDynamic)
	return m
}

// userControl makes a user control message:
//
//	+------------------------------+-------------------------
//	|     Event Type (16 bits)     | Event Data
//	+------------------------------+-------------------------
//	Pay load for the 'User Control' protocol message, RTMP 1.0 §6.2
func userControl(event uint16, data ...uint32) outgoing {
	payload := binary.BigEndian.AppendUint16(make([]byte, 0, 2+4*len(data)), event)
	for _, d := range data {
		payload = binary.BigEndian.AppendUint32(payload, d)
	}
	return outgoing{CSIDControl, Message{Type: TypeUserControl, Payload: payload}}
}

// parseUserControl returns a user control message's event and its first
// number; ok is false when it is too short for both.
func parseUserControl(payload []byte) (event uint16, data uint32, ok bool) {
	if len(payload) < 6 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(payload), binary.BigEndian.Uint32(payload[2:]), true
}

// parseNumber returns the number that a protocol control message carries.
func parseNumber(payload []byte) (value uint32, ok bool) {
	if len(payload) < 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(payload), true
}
