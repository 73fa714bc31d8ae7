package rtmp

import "github.com/rtmp-edge/rtmp-edge/rtmp/amf0"

// EventKind says what an Event is about.
type EventKind uint8

// Kinds of events.
const (
	// EventMessage: audio, video or data on a stream that publishes (server) or
	// plays (client).
	EventMessage EventKind = iota + 1
	// EventPublish: the peer asks to publish. Answer with AcceptPublish, or with
	// WriteStatus and a Status of LevelError. Server only.
	EventPublish
	// EventPlay: the peer asks to play. Answer with AcceptPlay, or with
	// WriteStatus and a Status of LevelError. Server only.
	EventPlay
	// EventCloseStream: the peer ended a publish or play that was asked for or
	// accepted. Server only.
	EventCloseStream
	// EventStatus: the server sent an `onStatus`. Client only.
	EventStatus
	// EventStreamEOF: the server says that a stream's media has ended (RTMP 1.0
	// §7.1.7). Client only.
	EventStreamEOF
)

var eventKindNames = [...]string{
	EventMessage:     "message",
	EventPublish:     "publish",
	EventPlay:        "play",
	EventCloseStream: "close stream",
	EventStatus:      "status",
	EventStreamEOF:   "stream EOF",
}

// String names k.
func (k EventKind) String() string {
	if int(k) < len(eventKindNames) && eventKindNames[k] != "" {
		return eventKindNames[k]
	}
	return "unknown event"
}

// An Event is something that the peer did and that this package does not deal
// with by itself.
type Event struct {
	Kind     EventKind
	StreamID uint32 // message stream id

	// Message is set for EventMessage. Its Type is TypeAudio, TypeVideo or
	// TypeData: data of type 15 is turned into 18, aggregates are split. Its
	// payload belongs to the caller, or, with Config.ReuseBuffers, to the
	// connection, which changes it when Next is called again.
	Message Message

	Publish *PublishRequest // set for EventPublish
	Play    *PlayRequest    // set for EventPlay
	Status  *Status         // set for EventStatus
}

// A ConnectRequest is what `connect` says (RTMP 1.0 §7.2.1.1).
type ConnectRequest struct {
	App            string      // the application, without query and trailing slash
	Query          string      // what followed '?' in the application, or else in the URL
	TCURL          string      // "rtmp://host/app" as the client knows it
	FlashVer       string      // the client's name for itself
	ObjectEncoding float64     // 0 for AMF 0, 3 for AMF 3
	Properties     amf0.Object // server: everything that came; client: more properties to send

	// Enhanced is what the client announces beyond RTMP 1.0.
	Enhanced Capabilities
}

// A PublishRequest is what `publish` says (RTMP 1.0 §7.2.2.6).
type PublishRequest struct {
	StreamID uint32
	Name     string // without query; may be empty
	Query    string // what followed '?' in the name
	Type     string // "live", "record" or "append"; "live" when the client says nothing
}

// A PlayRequest is what `play` says (RTMP 1.0 §7.2.2.1).
type PlayRequest struct {
	StreamID uint32
	Name     string  // without query; may be empty
	Query    string  // what followed '?' in the name
	Start    float64 // as sent: −2 and −2000 mean live or recorded, −1 and −1000 live; −2 when absent
	Duration float64 // as sent; −1 (all of it) when absent
	Reset    bool    // true when absent
}
