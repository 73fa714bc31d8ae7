package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// What an attacker writes, by hand.

// Types of messages (RTMP 1.0 §5.4, §7.1).
const (
	typeSetChunkSize = 1
	typeAbort        = 2
	typeAck          = 3
	typeUserControl  = 4
	typeWindowAck    = 5
	typeAudio        = 8
	typeVideo        = 9
	typeData         = 18
	typeCommand      = 20
	typeAggregate    = 22
)

const extended = 0xffffff // what stands in a header whose timestamp is in the extended field (RTMP 1.0 §5.3.1.3)

// basic is a chunk basic header in the shortest form (RTMP 1.0 §5.3.1.1).
func basic(format, csid int) []byte {
	f := byte(format << 6)
	switch {
	case csid < 64:
		return []byte{f | byte(csid)}
	case csid < 320:
		return []byte{f, byte(csid - 64)}
	default:
		return []byte{f | 1, byte(csid - 64), byte((csid - 64) >> 8)}
	}
}

// full is a chunk header of fmt 0 (RTMP 1.0 §5.3.1.2.1).
func full(csid int, timestamp uint32, length int, typ byte, streamID uint32) []byte {
	b := basic(0, csid)
	b = append24(b, min(timestamp, extended))
	b = append24(b, uint32(length))
	b = append(b, typ)
	b = binary.LittleEndian.AppendUint32(b, streamID)
	if timestamp >= extended {
		b = binary.BigEndian.AppendUint32(b, timestamp)
	}
	return b
}

// same is a chunk header of fmt 1: same message stream (RTMP 1.0 §5.3.1.2.2).
func same(csid int, delta uint32, length int, typ byte) []byte {
	return append(append24(append24(basic(1, csid), delta), uint32(length)), typ)
}

func append24(b []byte, v uint32) []byte { return append(b, byte(v>>16), byte(v>>8), byte(v)) }

// frame is a whole message in chunks.
func frame(chunkSize, csid int, typ byte, streamID, timestamp uint32, payload []byte) []byte {
	b := full(csid, timestamp, len(payload), typ, streamID)
	for rest := payload; ; {
		n := min(chunkSize, len(rest))
		b = append(b, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			return b
		}
		b = append(b, basic(3, csid)...)
		if timestamp >= extended {
			b = binary.BigEndian.AppendUint32(b, timestamp)
		}
	}
}

// message sends a whole message.
func (w *wire) message(csid int, typ byte, streamID, timestamp uint32, payload []byte) {
	w.send(frame(w.chunkSize, csid, typ, streamID, timestamp, payload))
}

// command sends a command on message stream 0.
func (w *wire) command(payload []byte) { w.message(3, typeCommand, 0, 0, payload) }

// setChunkSize sends it and keeps to it.
func (w *wire) setChunkSize(size uint32) {
	w.message(2, typeSetChunkSize, 0, 0, binary.BigEndian.AppendUint32(nil, size))
	w.chunkSize = int(size)
}

func pingRequest(number uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0, 6}, number) }

// pongOf is the payload of the answer to a ping, behind the last byte of its chunk header.
func pongOf(number uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0, 0, 7}, number) }

// c0c1c2 is all that a client sends in a handshake (RTMP 1.0 §5.2): servers do not compare C2.
func c0c1c2() []byte { return append([]byte{3}, make([]byte, 2*1536)...) }

// AMF 0 (§2.2, §2.5, §2.7); amfString is with the records.

var amfNull = []byte{0x05}

func amfNumber(v float64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0x00}, math.Float64bits(v))
}

// amfObject is an object of strings.
func amfObject(pairs ...string) []byte {
	b := []byte{0x03}
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, amfString(pairs[i])[1:]...) // a key has no marker
		b = append(b, amfString(pairs[i+1])...)
	}
	return append(b, 0, 0, 0x09)
}

func amfCommand(name string, transaction float64, arguments ...[]byte) []byte {
	return append(append(amfString(name), amfNumber(transaction)...), bytes.Join(arguments, nil)...)
}

// connectCommand is `connect` as an encoder sends it.
func connectCommand(app, tcURL, flashVer string) []byte {
	return amfCommand("connect", 1, amfObject("app", app, "type", "nonprivate", "flashVer", flashVer, "tcUrl", tcURL))
}

func (w *wire) stream() string { return streamName(w.a.Name, w.number) }

// streamName is the name of one of many streams.
func streamName(name string, number int) string { return fmt.Sprintf("%s%d", name, number) }

// connected shakes hands and connects.
func (w *wire) connected() error {
	w.send(c0c1c2())
	w.command(connectCommand(w.a.App, "rtmp://server/"+w.a.App, "attack/1"))
	return w.await("NetConnection.Connect.Success")
}

// publishing is connected, and publishes a stream of its own on message stream 1.
func (w *wire) publishing() error {
	if err := w.connected(); err != nil {
		return err
	}
	w.publish(w.stream())
	return w.await("NetStream.Publish.Start")
}

// publish asks to, and does not wait.
func (w *wire) publish(name string) {
	w.command(amfCommand("createStream", 2, amfNull))
	w.message(4, typeCommand, 1, 0, amfCommand("publish", 3, amfNull, amfString(name), amfString("live")))
}

// play asks to, and does not wait.
func (w *wire) play(name string) {
	w.command(amfCommand("createStream", 2, amfNull))
	w.message(8, typeCommand, 1, 0, amfCommand("play", 3, amfNull, amfString(name)))
}

// video is a frame of so many bytes.
func video(key bool, size int) []byte {
	b := make([]byte, max(size, len(keyframePrefix)))
	copy(b, interframePrefix)
	if key {
		copy(b, keyframePrefix)
	}
	return b
}
