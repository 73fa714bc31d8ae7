package e2e

import (
	"bytes"
	"encoding/binary"
)

// floodSize is what a naive server takes half a minute for: each message looks at all that were before it.
const floodSize = 3000

// flood sends many messages at once, on few connections.
func flood(message func(w *wire, i int) []byte) func(*attacker) error {
	return func(a *attacker) error {
		a.Count = 2
		return onWire(func(w *wire) {
			var all []byte
			for i := range floodSize {
				all = append(all, message(w, i)...)
			}
			w.send(all)
		})(a)
	}
}

func floodOfCommands(payload []byte) func(*attacker) error {
	return flood(func(w *wire, _ int) []byte { return frame(w.chunkSize, 3, typeCommand, 0, 0, payload) })
}

// Commands and control messages come at a rate that clients need, and not faster.
var floodTrials = []trial{
	{row: 11, name: "createStream flood", reason: "protocol", kind: "flood", script: floodOfCommands(amfCommand("createStream", 2, amfNull))},
	{row: 11, name: "unknown command flood", reason: "protocol", kind: "flood", script: floodOfCommands(amfCommand("bandwidth", 0, amfNull))},
	{row: 11, name: "publish and play flood", reason: "protocol", kind: "flood", script: flood(func(w *wire, i int) []byte {
		play := amfCommand("play", 3, amfNull, amfString("../"))
		publish := amfCommand("publish", 3, amfNull, amfString("../"), amfString("live"))
		return frame(w.chunkSize, 8, typeCommand, uint32(i), 0, [][]byte{play, publish}[i%2])
	})},
	{row: 11, name: "ping flood", reason: "protocol", kind: "flood", script: flood(func(w *wire, i int) []byte {
		return frame(w.chunkSize, 2, typeUserControl, 0, 0, pingRequest(uint32(i)))
	})},
	{row: 11, name: "chunk size flood", reason: "protocol", kind: "flood", script: flood(func(w *wire, i int) []byte {
		return frame(w.chunkSize, 2, typeSetChunkSize, 0, 0, binary.BigEndian.AppendUint32(nil, uint32(128+i%2)))
	})},
	{row: 11, name: "flood of unknown types", reason: "protocol", kind: "flood", script: flood(func(w *wire, i int) []byte {
		return frame(w.chunkSize, 2, byte(100+i%100), 0, 0, nil)
	})},
	{row: 20, name: "publishing and closing in a loop", reason: "protocol", kind: "flood", script: onWire(reuse)},
	{row: 11, name: "a ninth message stream", seen: map[string]int{"streams": 8, "refusals": 1}, script: each(func(w *wire) error {
		if err := w.connected(); err != nil {
			return err
		}
		before := w.said([]byte("_result"))
		for i := range 9 {
			w.command(amfCommand("createStream", float64(2+i), amfNull))
		}
		if err := w.await("NetConnection.Call.Failed"); err != nil {
			return err
		}
		w.a.saw("streams", w.said([]byte("_result"))-before)
		w.a.saw("refusals", w.said([]byte("NetConnection.Call.Failed")))
		return w.alive()
	})},
}

// strays sends frames on a message stream that does not publish: 32 are forgiven.
func strays(w *wire, streamID uint32, n int) {
	one := frame(w.chunkSize, 6, typeVideo, streamID, 0, video(true, 64))
	w.send(bytes.Repeat(one, n))
}

const forgiven = 32

var strayTrials = []trial{
	{row: 12, name: "media before connect", reason: "protocol", kind: "stray_media", script: each(func(w *wire) error {
		w.send(c0c1c2())
		strays(w, 1, forgiven+1)
		return nil
	})},
	{row: 12, name: "media before a publish", reason: "protocol", kind: "stray_media", drops: forgiven + 1, script: onWire(func(w *wire) { strays(w, 1, forgiven+1) })},
	{row: 12, name: "media on the wrong message stream", reason: "protocol", kind: "stray_media", drops: forgiven + 1, script: onPublish(func(w *wire) {
		strays(w, 5, forgiven+1)
	})},
	{row: 12, name: "a few frames too many", drops: forgiven, script: survived(func(w *wire) { strays(w, 5, forgiven) })},
	{row: 13, name: "window of 0", seen: map[string]int{"few acknowledgements": 1}, script: smallWindow(0)},
	{row: 13, name: "window of 1", seen: map[string]int{"few acknowledgements": 1}, script: smallWindow(1)},
	{row: 13, name: "window of 4 GiB", script: survived(func(w *wire) {
		w.message(2, typeWindowAck, 0, 0, []byte("\xff\xff\xff\xff"))
	})},
	{row: 13, name: "acknowledgements without end", script: survived(func(w *wire) {
		ack := frame(w.chunkSize, 2, typeAck, 0, 0, []byte("\xff\xff\xff\xff"))
		w.send(bytes.Repeat(ack, 10*floodSize))
	})},
}

// smallWindow asks for an acknowledgement of every byte, sends few at a time, and gets one for 4 KiB at most.
func smallWindow(size uint32) func(*attacker) error {
	return survived(func(w *wire) {
		w.message(2, typeWindowAck, 0, 0, binary.BigEndian.AppendUint32(nil, size))
		before := w.sent
		for range 5000 {
			w.message(4, typeAudio, 1, 0, audioPrefix)
		}
		if w.ping(1) == nil && w.said([]byte("\x02\x00\x00\x00\x00\x00\x04\x03")) <= int(w.sent-before)/4096+2 {
			w.a.saw("few acknowledgements", 1)
		}
	})
}
