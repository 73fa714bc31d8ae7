package chunk

// Limits bound what a Reader accepts. A zero (or negative) field means its
// default.
type Limits struct {
	MaxChunkStreams int // chunk streams of a connection; default DefaultMaxChunkStreams
	MaxMediaSize    int // bytes of an audio, video or aggregate message; default DefaultMaxMediaSize
	MaxDataSize     int // bytes of a data or shared object message; default DefaultMaxDataSize
	MaxCommandSize  int // bytes of any other message; default DefaultMaxCommandSize
	MaxInFlight     int // bytes of all messages that have started and not ended; default DefaultMaxInFlight
}

// Defaults of Limits. Media needs room for the keyframes of high bit rates:
// 8 MiB is a second of video at 64 Mbit/s.
const (
	DefaultMaxChunkStreams = 64
	DefaultMaxMediaSize    = 8 << 20
	DefaultMaxDataSize     = 256 << 10
	DefaultMaxCommandSize  = 64 << 10
	DefaultMaxInFlight     = 16 << 20
)

func (l Limits) withDefaults() Limits {
	return Limits{
		MaxChunkStreams: valueOr(l.MaxChunkStreams, DefaultMaxChunkStreams),
		MaxMediaSize:    valueOr(l.MaxMediaSize, DefaultMaxMediaSize),
		MaxDataSize:     valueOr(l.MaxDataSize, DefaultMaxDataSize),
		MaxCommandSize:  valueOr(l.MaxCommandSize, DefaultMaxCommandSize),
		MaxInFlight:     valueOr(l.MaxInFlight, DefaultMaxInFlight),
	}
}

// messageSize returns how long a message of type t may be.
func (l *Limits) messageSize(t MessageType) int {
	switch t {
	case TypeAudio, TypeVideo, TypeAggregate:
		return l.MaxMediaSize
	case TypeData, TypeDataAMF3, TypeSharedObject, TypeSharedObjectAMF3:
		return l.MaxDataSize
	default:
		return l.MaxCommandSize
	}
}

func valueOr(v, otherwise int) int {
	if v > 0 {
		return v
	}
	return otherwise
}
