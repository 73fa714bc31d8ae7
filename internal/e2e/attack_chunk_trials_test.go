package e2e

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// onWire is an attack of bytes behind a connect.
func onWire(script func(w *wire)) func(*attacker) error {
	return each(func(w *wire) error {
		err := w.connected()
		script(w)
		return err
	})
}

// onPublish is an attack of bytes while publishing.
func onPublish(script func(w *wire)) func(*attacker) error {
	return each(func(w *wire) error {
		err := w.publishing()
		script(w)
		return err
	})
}

// survived is an attack that the connection is to survive.
func survived(script func(w *wire)) func(*attacker) error {
	return each(func(w *wire) error {
		if err := w.publishing(); err != nil {
			return err
		}
		script(w)
		return w.alive()
	})
}

func chunkSize(size uint32) func(*attacker) error {
	return onWire(func(w *wire) {
		w.message(2, typeSetChunkSize, 0, 0, binary.BigEndian.AppendUint32(nil, size))
	})
}

// What the chunk layer refuses (RTMP 1.0 §5.3, §5.4).
var chunkTrials = []trial{
	{row: 4, name: "too many chunk streams", reason: "protocol", kind: "chunk_streams", script: manyChunkStreams, seen: map[string]int{"pongs": 63}},
	{row: 7, name: "chunk size 0", reason: "protocol", kind: "chunk_size", script: chunkSize(0)},
	{row: 7, name: "chunk size with bit 31", reason: "protocol", kind: "chunk_size", script: chunkSize(1<<31 | 4096)},
	{row: 7, name: "chunk size cut short", reason: "protocol", kind: "chunk_size", script: onWire(func(w *wire) {
		w.message(2, typeSetChunkSize, 0, 0, []byte{0, 0})
	})},
	{row: 9, name: "fmt 3 first", reason: "protocol", kind: "chunk_no_header", script: onWire(func(w *wire) {
		w.send(basic(3, 9), make([]byte, 128))
	})},
	{row: 9, name: "fmt 2 first", reason: "protocol", kind: "chunk_no_header", script: onWire(func(w *wire) {
		w.send(basic(2, 9), make([]byte, 128))
	})},
	{row: 9, name: "another length inside a message", reason: "protocol", kind: "chunk_header_in_message", script: onPublish(func(w *wire) {
		w.send(full(6, 0, 5000, typeVideo, 1), make([]byte, 128), same(6, 0, 300, typeVideo), make([]byte, 128))
	})},
	{row: 9, name: "another message inside a message", reason: "protocol", kind: "chunk_header_in_message", script: onPublish(func(w *wire) {
		w.send(full(6, 0, 5000, typeVideo, 1), make([]byte, 128), full(6, 0, 5000, typeVideo, 1), make([]byte, 128))
	})},
	{row: 9, name: "an aggregate that ends inside a part", reason: "protocol", kind: "aggregate", script: onPublish(func(w *wire) {
		w.message(6, typeAggregate, 1, 0, append([]byte{typeVideo, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0}, video(true, 100)...))
	})},
	{row: 9, name: "abort of everything", script: survived(func(w *wire) {
		w.send(full(6, 0, 5000, typeVideo, 1), make([]byte, 128))
		for _, csid := range []uint32{6, 6, 7, 1 << 31, 0} {
			w.message(2, typeAbort, 0, 0, binary.BigEndian.AppendUint32(nil, csid))
		}
		w.message(2, typeAbort, 0, 0, []byte{6})
	})},
}

// manyChunkStreams uses 64 chunk streams, the highest id that there is among them, in all three forms of the header, and then one more.
func manyChunkStreams(a *attacker) error {
	return each(func(w *wire) error {
		if err := w.connected(); err != nil { // on chunk stream 3
			return err
		}
		ids := []int{2, 63, 64, 319, 320, 65599}
		for id := 4; len(ids) < 63; id++ {
			ids = append(ids, id)
		}
		for i, id := range ids {
			w.message(id, typeUserControl, 0, 0, pingRequest(uint32(1000+i)))
		}
		for i := range ids {
			if err := w.await(string(pongOf(uint32(1000 + i)))); err != nil {
				return err
			}
			w.a.saw("pongs", 1)
		}
		w.message(5000, typeUserControl, 0, 0, pingRequest(1))
		return nil
	})(a)
}

const (
	maxMedia   = 8 << 20
	maxCommand = 64 << 10
	maxData    = 256 << 10
)

// What is longer than it may be is refused by its header.
var sizeTrials = []trial{
	{row: 5, name: "video too long", reason: "protocol", kind: "message_size", script: onPublish(func(w *wire) {
		w.send(full(6, 0, maxMedia+1, typeVideo, 1), []byte{0x17})
	})},
	{row: 5, name: "audio too long", reason: "protocol", kind: "message_size", script: onPublish(func(w *wire) {
		w.send(full(4, 0, 1<<24-1, typeAudio, 1), []byte{0xaf})
	})},
	{row: 5, name: "aggregate too long", reason: "protocol", kind: "message_size", script: onPublish(func(w *wire) {
		w.send(full(6, 0, maxMedia+1, typeAggregate, 1), []byte{0x09})
	})},
	{row: 5, name: "data too long", reason: "protocol", kind: "message_size", script: onPublish(func(w *wire) {
		w.send(full(8, 0, maxData+1, typeData, 1), []byte{0x02})
	})},
	{row: 5, name: "command too long", reason: "protocol", kind: "message_size", script: each(func(w *wire) error {
		w.send(c0c1c2(), full(3, 0, maxCommand+1, typeCommand, 0), []byte{0x02})
		return nil
	})},
	{row: 5, name: "16 MiB before connect", reason: "protocol", kind: "message_size", script: each(func(w *wire) error {
		w.send(c0c1c2(), full(6, 0, 1<<24-1, typeVideo, 1), make([]byte, 128))
		return nil
	})},
	{row: 5, name: "all as long as may be", script: func(a *attacker) error {
		a.Count = 2
		return survived(func(w *wire) {
			w.setChunkSize(maxMedia)
			w.message(6, typeVideo, 1, 0, video(true, maxMedia))
			w.message(8, typeData, 1, 0, append(amfString("onTextData"), make([]byte, maxData-13)...))
			w.command(append(amfCommand("unknown", 0), bytes.Repeat([]byte{0x05}, maxCommand-19)...))
		})(a)
	}},
	{row: 6, name: "partial messages before a publish", reason: "protocol", kind: "messages_in_flight", script: onWire(func(w *wire) {
		for csid := 10; csid < 13; csid++ { // the third exceeds 64 KiB
			w.send(full(csid, 0, 30000, typeCommand, 0), make([]byte, 128))
		}
	})},
	{row: 6, name: "partial messages while publishing", reason: "protocol", kind: "messages_in_flight", script: onPublish(func(w *wire) {
		for csid := 10; csid < 15; csid++ { // the fifth exceeds 16 MiB
			w.send(full(csid, 0, 4<<20, typeVideo, 1), make([]byte, 128))
		}
	})},
}

// beforeConnect is an attack of one command, the first after the handshake.
func beforeConnect(payload []byte) func(*attacker) error {
	return each(func(w *wire) error {
		w.send(c0c1c2())
		w.command(payload)
		return nil
	})
}

var bomb = []byte("\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x0a\x7f\xff\xff\xff")

// What is no AMF 0, or too much of it.
var amfTrials = []trial{
	// A strict array that claims 2^31-1 elements (AMF 0 §2.12). What a command has that nobody knows is not even decoded.
	{row: 10, name: "array of 2^31 elements", script: each(func(w *wire) error {
		w.send(c0c1c2())
		w.command(append(amfString("x"), bomb...))
		w.command(connectCommand(w.a.App, "", ""))
		return w.alive()
	})},
	{row: 10, name: "array of 2^31 elements to connect", reason: "protocol", kind: "amf0_truncated", script: beforeConnect(
		append(amfString("connect"), bomb...))},
	{row: 10, name: "array of 2^32 elements to play", reason: "protocol", kind: "amf0_truncated", script: onWire(func(w *wire) {
		w.message(8, typeCommand, 1, 0, amfCommand("play", 3, []byte("\x0a\xff\xff\xff\xff")))
	})},
	{row: 10, name: "objects nested to no end", reason: "protocol", kind: "amf0_depth", script: beforeConnect(
		amfCommand("connect", 1, bytes.Repeat([]byte("\x03\x00\x01a"), 16000)))},
	{row: 10, name: "arrays nested to no end", reason: "protocol", kind: "amf0_depth", script: beforeConnect(
		amfCommand("connect", 1, bytes.Repeat([]byte("\x0a\x00\x00\x00\x01"), 12000)))},
	{row: 10, name: "a value too many", reason: "protocol", kind: "amf0_nodes", script: beforeConnect(
		amfCommand("connect", 1, []byte("\x0a\x00\x00\x20\x00"), bytes.Repeat(amfNull, 0x2000)))},
	{row: 10, name: "string cut short", reason: "protocol", kind: "amf0_truncated", script: beforeConnect(
		append(amfString("connect"), "\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x03\x00\x03app\x02\xff\xffx"...))},
	{row: 10, name: "long string of 4 GiB", reason: "protocol", kind: "amf0_truncated", script: beforeConnect(
		amfCommand("connect", 1, []byte("\x0c\xff\xff\xff\xffx")))},
	{row: 10, name: "unknown marker", reason: "protocol", kind: "amf0_marker", script: beforeConnect(amfCommand("connect", 1, []byte{0x7f}))},
	{row: 10, name: "NaN for a number", script: survived(func(w *wire) {
		nan := []byte("\x00\x7f\xf8\x00\x00\x00\x00\x00\x01")
		w.command(append(append(amfString("createStream"), nan...), amfNull...))
		for _, name := range []string{"deleteStream", "closeStream", "FCUnpublish"} {
			w.message(3, typeCommand, 7, 0, append(append(amfString(name), nan...), append(amfNull, nan...)...))
		}
	})},
	{row: 10, name: "bombs in metadata", script: survived(func(w *wire) {
		w.setChunkSize(maxData)
		for _, bomb := range []string{
			"\x0a\x7f\xff\xff\xff", strings.Repeat("\x03\x00\x01a", 60000), "\x02\xff\xff", "\x08\xff\xff\xff\xff", "\x0c\xff\xff\xff\xff",
		} {
			w.message(8, typeData, 1, 0, append(amfString("onMetaData"), bomb...))
			w.message(8, typeData, 1, 0, append(append(amfString("@setDataFrame"), amfString("onMetaData")...), bomb...))
		}
	})},
}
