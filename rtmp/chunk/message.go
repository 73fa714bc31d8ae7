package chunk

import "strconv"

// A Message is one whole RTMP message (RTMP 1.0 §5.3, §6.1).
type Message struct {
	Type      MessageType
	StreamID  uint32 // message stream id
	Timestamp uint32 // milliseconds, absolute, wraps at 2^32
	Payload   []byte // as read, it belongs to the caller, unless Reader.ReuseBuffers was called
}

// A MessageType says what the payload of a message is (RTMP 1.0 §5.4, §7.1).
type MessageType uint8

// The message types of RTMP 1.0.
const (
	TypeSetChunkSize     MessageType = 1  // §5.4.1
	TypeAbort            MessageType = 2  // §5.4.2
	TypeAcknowledgement  MessageType = 3  // §5.4.3
	TypeUserControl      MessageType = 4  // §6.2
	TypeWindowAckSize    MessageType = 5  // §5.4.4
	TypeSetPeerBandwidth MessageType = 6  // §5.4.5
	TypeAudio            MessageType = 8  // §7.1.4
	TypeVideo            MessageType = 9  // §7.1.5
	TypeDataAMF3         MessageType = 15 // §7.1.2
	TypeSharedObjectAMF3 MessageType = 16 // §7.1.3
	TypeCommandAMF3      MessageType = 17 // §7.1.1
	TypeData             MessageType = 18 // §7.1.2
	TypeSharedObject     MessageType = 19 // §7.1.3
	TypeCommand          MessageType = 20 // §7.1.1
	TypeAggregate        MessageType = 22 // §7.1.6
)

var typeNames = [...]string{
	TypeSetChunkSize:     "set chunk size",
	TypeAbort:            "abort",
	TypeAcknowledgement:  "acknowledgement",
	TypeUserControl:      "user control",
	TypeWindowAckSize:    "window acknowledgement size",
	TypeSetPeerBandwidth: "set peer bandwidth",
	TypeAudio:            "audio",
	TypeVideo:            "video",
	TypeDataAMF3:         "data (AMF 3)",
	TypeSharedObjectAMF3: "shared object (AMF 3)",
	TypeCommandAMF3:      "command (AMF 3)",
	TypeData:             "data",
	TypeSharedObject:     "shared object",
	TypeCommand:          "command",
	TypeAggregate:        "aggregate",
}

// String names t as RTMP 1.0 does, or by its number if it is none of the above.
func (t MessageType) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}
