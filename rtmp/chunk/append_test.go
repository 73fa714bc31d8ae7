package chunk

import (
	"bytes"
	"fmt"
	"testing"
)

// TestAppendVectors holds the writer to the bytes.
func TestAppendVectors(t *testing.T) {
	p160, p300 := fill(160), fill(300)
	tests := []struct {
		name      string
		csid      uint32
		chunkSize int
		message   Message
		want      []byte
	}{
		{
			"vector 1: extended timestamp", 6, 128, video(16777216, p160),
			join(x("06ffffff0000a00901000000 01000000"), p160[:128], x("c601000000"), p160[128:]),
		},
		{"vector 3: 0xFFFFFE", 6, 128, video(0xfffffe, x("aa")), x("06fffffe00000109 01000000 aa")},
		{"vector 3: 0xFFFFFF", 6, 128, video(0xffffff, x("aa")), x("06ffffff00000109 01000000 00ffffff aa")},
		{"vector 5: csid 2", 2, 128, audio(1, x("aa")), x("02 000001 000001 08 01000000 aa")},
		{"vector 5: csid 63", 63, 128, audio(1, x("aa")), x("3f 000001 000001 08 01000000 aa")},
		{"vector 5: csid 64", 64, 128, audio(1, x("aa")), x("0000 000001 000001 08 01000000 aa")},
		{"vector 5: csid 319", 319, 1, audio(1, x("aabb")), x("00ff 000001 000002 08 01000000 aa c0ff bb")},
		{"vector 5: csid 320", 320, 1, audio(1, x("aabb")), x("010001 000001 000002 08 01000000 aa c10001 bb")},
		{"vector 5: csid 65599", 65599, 128, audio(1, x("aa")), x("01ffff 000001 000001 08 01000000 aa")},
		{"vector 6: zero length", 8, 128, Message{Type: TypeData, StreamID: 0x01020304, Timestamp: 5}, x("08 000005 000000 12 04030201")},
		{
			"vector 14: three chunks", 4, 128, audio(9, p300),
			join(x("04 000009 00012c 08 01000000"), p300[:128], x("c4"), p300[128:256], x("c4"), p300[256:]),
		},
		{
			"vector 14: no empty chunk behind a full one", 4, 128, audio(9, p300[:256]),
			join(x("04 000009 000100 08 01000000"), p300[:128], x("c4"), p300[128:256]),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AppendMessage([]byte("before"), tt.csid, tt.chunkSize, &tt.message)
			if want := append([]byte("before"), tt.want...); !bytes.Equal(got, want) {
				t.Errorf("appended %x, want %x", got, want)
			}
			if n := FramedSize(tt.csid, tt.chunkSize, &tt.message); n != len(tt.want) {
				t.Errorf("framed size is %d, want %d", n, len(tt.want))
			}
		})
	}
}

// A matrixCase is one of the cases of vector 14.
type matrixCase struct {
	chunkSize int
	message   Message
}

func (c matrixCase) String() string {
	return fmt.Sprintf("timestamp %#x, length %d, chunk size %d", c.message.Timestamp, len(c.message.Payload), c.chunkSize)
}

func matrix() (cases []matrixCase) {
	payload := fill(60001)
	for _, chunkSize := range []int{128, 4096, 60000} {
		for _, ts := range []uint32{0, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff} {
			for _, n := range []int{0, 1, 127, 128, 129, 59999, 60000, 60001} {
				cases = append(cases, matrixCase{chunkSize, video(ts, payload[:n])})
			}
		}
	}
	return cases
}

// TestVector14ReadsBack writes the matrix of vector 14 on one connection, behind
// whatever was written before, and reads it back.
func TestVector14ReadsBack(t *testing.T) {
	for _, csid := range []uint32{6, 64, 320} {
		var wire []byte
		var want []Message
		chunkSize := InitialChunkSize
		for _, c := range matrix() {
			if c.chunkSize != chunkSize {
				set := control(TypeSetChunkSize, []byte{0, 0, byte(c.chunkSize >> 8), byte(c.chunkSize)})
				wire = AppendMessage(wire, 2, chunkSize, &set)
				want = append(want, set)
				chunkSize = c.chunkSize
			}
			before := len(wire)
			wire = AppendMessage(wire, csid, chunkSize, &c.message)
			want = append(want, c.message)
			if wire[before]>>6 != fmtFull {
				t.Fatalf("%v: starts with fmt %d", c, wire[before]>>6)
			}
			if n := FramedSize(csid, chunkSize, &c.message); n != len(wire)-before {
				t.Fatalf("%v: framed size is %d, want %d", c, n, len(wire)-before)
			}
		}
		got, _ := readAll(bytes.NewReader(wire), Limits{})
		requireMessages(t, got, want)
	}
}

func TestAppendPanicsOnBadArguments(t *testing.T) {
	tests := []struct {
		name      string
		csid      uint32
		chunkSize int
		payload   []byte
	}{
		{"csid 1", 1, 128, nil},
		{"csid 65600", 65600, 128, nil},
		{"chunk size 0", 6, 0, nil},
		{"chunk size -1", 6, -1, nil},
		{"payload of 16 MiB", 6, 128, make([]byte, MaxMessageSize+1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			AppendMessage(nil, tt.csid, tt.chunkSize, &Message{Payload: tt.payload})
		})
	}
}

func TestAppendAllocatesNothingIfThereIsRoom(t *testing.T) {
	m := video(0xffffffff, fill(60001))
	room := make([]byte, 0, FramedSize(320, 128, &m))
	if n := testing.AllocsPerRun(10, func() { AppendMessage(room, 320, 128, &m) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestMessageTypeString(t *testing.T) {
	for typ, want := range map[MessageType]string{
		TypeSetChunkSize: "set chunk size", TypeVideo: "video", TypeAggregate: "aggregate", 0: "type 0", 7: "type 7", 255: "type 255",
	} {
		if got := typ.String(); got != want {
			t.Errorf("type %d is %q, want %q", uint8(typ), got, want)
		}
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	for _, bm := range []struct {
		name            string
		size, chunkSize int
	}{
		{"audio400B/chunk60000", 400, 60_000},
		{"video20KB/chunk128", 20_000, 128},
		{"video20KB/chunk60000", 20_000, 60_000},
		{"keyframe300KB/chunk60000", 300_000, 60_000},
	} {
		b.Run(bm.name, func(b *testing.B) {
			m := video(1, fill(bm.size))
			dst := make([]byte, 0, FramedSize(6, bm.chunkSize, &m))
			b.SetBytes(int64(bm.size))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendMessage(dst[:0], 6, bm.chunkSize, &m)
			}
		})
	}
}
