package chunk

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

// x decodes hexadecimal digits, in which spaces do not count.
func x(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// fill returns n bytes that differ from their neighbours.
func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + 0x55)
	}
	return b
}

func video(ts uint32, payload []byte) Message {
	return Message{Type: TypeVideo, StreamID: 1, Timestamp: ts, Payload: payload}
}

func audio(ts uint32, payload []byte) Message {
	return Message{Type: TypeAudio, StreamID: 1, Timestamp: ts, Payload: payload}
}

func control(t MessageType, payload []byte) Message {
	return Message{Type: t, Payload: payload}
}

// readAll reads messages until the error.
func readAll(r io.Reader, l Limits) (messages []Message, err error) {
	cr := NewReader(r, l)
	for {
		m, err := cr.ReadMessage()
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
}

func requireMessages(t *testing.T, got, want []Message) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		if g.Type != w.Type || g.StreamID != w.StreamID || g.Timestamp != w.Timestamp || !bytes.Equal(g.Payload, w.Payload) {
			t.Fatalf("message %d is\n%+v, want\n%+v", i, *g, *w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d messages, want %d", len(got), len(want))
	}
}
