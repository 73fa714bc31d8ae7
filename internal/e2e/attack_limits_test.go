package e2e

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// lowLimits are limits unlike the defaults: each has an attack that only they end. The bystander keeps to them.
const lowLimits = "idle_timeout: 2s, limits: {handshake_timeout: 1s, connect_timeout: 2s, command_timeout: 3s, chunk_streams: 10, " +
	"media_size: 64KiB, command_size: 4KiB, data_size: 8KiB, in_flight: 96KiB, idle_in_flight: 6KiB, message_streams: 3, " +
	"command_rate: 5, command_burst: 30, stray_messages: 3, amf_depth: 4, amf_nodes: 64}"

// limitTrials go to each limit of lowLimits, and one beyond it.
var limitTrials = []trial{
	{name: "silence, a shorter time", reason: "timeout", kind: "handshake_timeout", after: time.Second, script: each(func(*wire) error { return nil })},
	{name: "no connect, a shorter time", reason: "timeout", kind: "connect_timeout", after: 2 * time.Second, script: each(func(w *wire) error {
		w.send(c0c1c2())
		return nil
	})},
	{name: "no publish, a shorter time", reason: "timeout", kind: "command_timeout", after: 3 * time.Second, script: onWire(func(*wire) {})},
	{name: "publishing nothing, a shorter time", reason: "idle", after: 2 * time.Second, script: onPublish(func(*wire) {})},

	{name: "ten chunk streams", script: survived(func(w *wire) { w.pingOn(10) })},
	{name: "eleven chunk streams", reason: "protocol", kind: "chunk_streams", script: onPublish(func(w *wire) { w.pingOn(11) })},

	{name: "64 KiB of video", script: survived(func(w *wire) { w.message(6, typeVideo, 1, 0, video(true, 64<<10)) })},
	{name: "more than 64 KiB of video", reason: "protocol", kind: "message_size", script: onPublish(func(w *wire) {
		w.send(full(6, 0, 64<<10+1, typeVideo, 1))
	})},
	{name: "4 KiB of command", script: survived(func(w *wire) { w.command(longCommand(4 << 10)) })},
	{name: "more than 4 KiB of command", reason: "protocol", kind: "message_size", script: onWire(func(w *wire) {
		w.send(full(3, 0, 4<<10+1, typeCommand, 0))
	})},
	{name: "8 KiB of data", script: survived(func(w *wire) { w.message(8, typeData, 1, 0, longCommand(8<<10)) })},
	{name: "more than 8 KiB of data", reason: "protocol", kind: "message_size", script: onPublish(func(w *wire) {
		w.send(full(8, 0, 8<<10+1, typeData, 1))
	})},
	// A ping of 6 bytes must still fit.
	{name: "96 KiB in flight", script: survived(func(w *wire) { w.partial(60<<10, 36<<10-6) })},
	{name: "more than 96 KiB in flight", reason: "protocol", kind: "messages_in_flight", script: onPublish(func(w *wire) {
		w.partial(60<<10, 36<<10+1)
	})},
	{name: "more than 6 KiB in flight", reason: "protocol", kind: "messages_in_flight", script: onWire(func(w *wire) { w.partial(6<<10 + 1) })},

	{name: "a fourth message stream", limit: "message_streams", seen: map[string]int{"streams": 3}, script: each(func(w *wire) error {
		err := w.connected()
		for i := range 4 {
			w.command(amfCommand("createStream", float64(2+i), amfNull))
		}
		if err == nil {
			err = w.await(rtmp.CodeCallFailed)
		}
		w.a.saw("streams", w.said([]byte("_result"))-1)
		w.leave()
		return err
	})},
	{name: "25 commands", script: survived(func(w *wire) { w.commands(25) })},
	{name: "60 commands", reason: "protocol", kind: "flood", script: onPublish(func(w *wire) { w.commands(60) })},
	{name: "three strays", script: survived(func(w *wire) { strays(w, 5, 3) })},
	{name: "four strays", reason: "protocol", kind: "stray_media", script: onPublish(func(w *wire) { strays(w, 5, 4) })},
	{name: "nested four deep", codes: []string{rtmp.CodeConnectSuccess}, script: connectWith(nested(3))},
	{name: "nested five deep", reason: "protocol", kind: "amf0_depth", script: beforeConnect(amfCommand("connect", 1, nested(4)))},
	{name: "64 values", codes: []string{rtmp.CodeConnectSuccess}, script: connectWith(nulls(60))},
	{name: "65 values", reason: "protocol", kind: "amf0_nodes", script: beforeConnect(amfCommand("connect", 1, nulls(61)))},
}

// pingOn uses so many chunk streams; publishing took two.
func (w *wire) pingOn(chunkStreams int) {
	w.message(2, typeUserControl, 0, 0, pingRequest(2))
	for csid := 10; csid < 10+chunkStreams-3; csid++ {
		w.message(csid, typeUserControl, 0, 0, pingRequest(uint32(csid)))
	}
}

// longCommand is a command that nobody knows, of so many bytes.
func longCommand(size int) []byte {
	b := amfCommand("unknown", 0)
	return append(b, bytes.Repeat(amfNull, size-len(b))...)
}

// partial begins messages of such lengths.
func (w *wire) partial(lengths ...int) {
	for i, length := range lengths {
		w.send(full(10+i, 0, length, typeVideo, 1), make([]byte, w.chunkSize))
	}
}

func (w *wire) commands(n int) {
	one := frame(w.chunkSize, 3, typeCommand, 0, 0, amfCommand("unknown", 0, amfNull))
	w.send(bytes.Repeat(one, n))
}

// nested is an object with others inside, so many below it.
func nested(depth int) []byte {
	b := []byte{0x03}
	for range depth {
		b = append(b, "\x00\x01a\x03"...)
	}
	return append(b, bytes.Repeat([]byte{0, 0, 9}, depth+1)...)
}

// nulls is an object with an array of so many values.
func nulls(n int) []byte {
	b := binary.BigEndian.AppendUint32([]byte("\x03\x00\x01a\x0a"), uint32(n))
	return append(append(b, bytes.Repeat(amfNull, n)...), 0, 0, 9)
}

func connectWith(object []byte) func(*attacker) error {
	return each(func(w *wire) error {
		w.send(c0c1c2())
		w.command(amfCommand("connect", 1, object))
		err := w.await(rtmp.CodeConnectSuccess)
		w.leave()
		return err
	})
}

// Every limit of the configuration is in force: to the byte, where it counts bytes.
func TestAttackConfiguredLimits(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{rtmp: lowLimits})
	for i := range limitTrials {
		tr := &limitTrials[i]
		t.Run(tr.name, func(t *testing.T) { tr.test(t, sc) })
	}
}

// So are the limits of publishing one name: twice here, and no more for an hour; other names are none of its business.
func TestAttackConfiguredPublishes(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 1, rtmp: "limits: {publish_burst: 2, publish_interval: 1h}"})
	publishAndGo := func(stream string) (code string) {
		waitFor(t, soon, "an answer to publish "+stream, func() string {
			p, err := dialPublish(t, s.rtmpURL(0, stream))
			if code = statusCode(err); code == rtmp.CodePublishBadName {
				return "the one before is not gone"
			}
			if err == nil {
				p.end()
			}
			return ""
		})
		return code
	}
	for i, want := range []string{"", "", rtmp.CodePublishFailed, rtmp.CodePublishFailed} {
		if got := publishAndGo("live/again"); got != want {
			t.Errorf("publish %d: %q, want %q", i, got, want)
		}
	}
	if got := publishAndGo("live/other"); got != "" {
		t.Errorf("another name: %q", got)
	}
}
