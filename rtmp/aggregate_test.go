package rtmp

import (
	"bytes"
	"errors"
	"testing"
)

func TestVector17Aggregate(t *testing.T) {
	part := func(typ byte, timestamp uint32, body string) string {
		return string([]byte{
			typ, 0, byte(len(body) >> 8), byte(len(body)),
			byte(timestamp >> 16), byte(timestamp >> 8), byte(timestamp), byte(timestamp >> 24), 0, 0, 0,
		}) + body + "\x00\x00\x00\x00"
	}
	for _, tt := range []struct {
		name      string
		timestamp uint32
		payload   string
		want      []Message
		err       error
	}{
		{"one", 500, part(9, 7, "v"), []Message{{Type: 9, Timestamp: 500, Payload: []byte("v")}}, nil},
		{"rebased across both wraps", 0xfffffff0, part(8, 0xfffffffe, "a") + part(9, 0x1e, "v"), []Message{
			{Type: 8, Timestamp: 0xfffffff0, Payload: []byte("a")}, {Type: 9, Timestamp: 0x10, Payload: []byte("v")},
		}, nil},
		{"extended part timestamps", 0, part(8, 0x01000000, "a") + part(8, 0x01000005, "b"), []Message{
			{Type: 8, Timestamp: 0, Payload: []byte("a")}, {Type: 8, Timestamp: 5, Payload: []byte("b")},
		}, nil},
		{"skipped part gives the base", 100, part(99, 50, "?") + part(8, 60, "a"), []Message{
			{Type: 8, Timestamp: 110, Payload: []byte("a")},
		}, nil},
		{"aggregate in it", 0, part(22, 0, part(8, 0, "a")), nil, nil},
		{"command in it", 0, part(20, 0, "\x02\x00\x07publish"), nil, nil},
		{"AMF 3 data in it", 0, part(15, 0, "\x00\x02\x00\x01d"), []Message{{Type: 18, Payload: []byte("\x02\x00\x01d")}}, nil},
		{"empty parts", 0, part(8, 0, "") + part(9, 0, ""), []Message{{Type: 8, Payload: []byte{}}, {Type: 9, Payload: []byte{}}}, nil},
		{"short back pointer", 0, part(8, 0, "a")[:13], []Message{{Type: 8, Payload: []byte("a")}}, nil},
		{"short header", 0, part(8, 0, "a") + "\x08\x00", []Message{{Type: 8, Payload: []byte("a")}}, ErrAggregate},
		{"short body", 0, part(8, 0, "abc")[:13], nil, ErrAggregate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAggregate(&Message{Type: TypeAggregate, StreamID: 3, Timestamp: tt.timestamp, Payload: []byte(tt.payload)}, &Config{MaxDataSize: DefaultMaxDataSize})
			for _, want := range tt.want {
				got, ok, err := a.next()
				if !ok || err != nil {
					t.Fatalf("%v, %v; want %v", ok, err, want)
				}
				if got.Type != want.Type || got.StreamID != 3 || got.Timestamp != want.Timestamp || !bytes.Equal(got.Payload, want.Payload) {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if cap(got.Payload) != len(got.Payload) && got.Type != TypeData {
					t.Error("an append to the payload would reach the next part")
				}
			}
			if got, ok, err := a.next(); ok || !errors.Is(err, tt.err) {
				t.Errorf("at the end: %+v, %v, %v", got, ok, err)
			}
		})
	}
}
