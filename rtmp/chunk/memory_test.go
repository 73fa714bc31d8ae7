package chunk

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestVector11MemoryFollowsWhatArrived claims much and sends little.
func TestVector11MemoryFollowsWhatArrived(t *testing.T) {
	huge := Limits{MaxMediaSize: MaxMessageSize, MaxInFlight: 1 << 30}
	manyClaims := func(size string) (wire []byte) {
		for csid := range byte(60) {
			wire = append(wire, csid+2)
			wire = append(wire, x("000001 "+size+" 09 01000000")...)
			wire = append(wire, fill(128)...)
		}
		return wire
	}
	claim := x("06 000001 ffffff 09 01000000")
	tests := []struct {
		name   string
		limits Limits
		wire   []byte
		err    error
		most   uint64
	}{
		{"16 MiB claimed, over the limit", Limits{}, join(claim, fill(128)), ErrMessageSize, 16 << 10},
		{"16 MiB claimed, 128 bytes sent", huge, join(claim, fill(128)), io.ErrUnexpectedEOF, 32 << 10},
		{
			"16 MiB claimed in one chunk, 1000 bytes sent", huge,
			join(x("02 000000 000004 01 00000000 00ffffff"), claim, fill(1000)), io.ErrUnexpectedEOF, 32 << 10,
		},
		{"60 × 16 MiB claimed, 128 bytes of each sent", huge, manyClaims("ffffff"), io.ErrUnexpectedEOF, 512 << 10},
		{"60 × 512 KiB claimed", Limits{}, manyClaims("080000"), ErrInFlight, 512 << 10},
		{"8 MiB + 1 claimed", Limits{}, x("06 000001 800001 09 01000000"), ErrMessageSize, 16 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			n := allocated(func() { _, err = readAll(bytes.NewReader(tt.wire), tt.limits) })
			if !errors.Is(err, tt.err) {
				t.Fatalf("error is %v, want %v", err, tt.err)
			}
			if n > tt.most {
				t.Fatalf("%d bytes allocated for %d bytes sent, want at most %d", n, len(tt.wire), tt.most)
			}
		})
	}
}

// TestMemoryOfALongMessage checks that growing costs a small multiple of what
// arrives.
func TestMemoryOfALongMessage(t *testing.T) {
	wire := AppendMessage(nil, 6, InitialChunkSize, ptr(video(1, fill(8<<20))))
	n := allocated(func() {
		if got, err := readAll(bytes.NewReader(wire), Limits{}); len(got) != 1 || !errors.Is(err, io.EOF) {
			t.Fatal(len(got), err)
		}
	})
	if n > 3*8<<20 {
		t.Fatalf("%d bytes allocated for one message of 8 MiB", n)
	}
}

// TestAllocations: a message costs its payload, and nothing else.
func TestAllocations(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes pools forget")
	}
	for _, size := range []int{100, 20_000, 300_000} {
		wire := AppendMessage(nil, 6, 4096, ptr(video(1, fill(size))))
		prefix := AppendMessage(nil, 2, 4096, &Message{Type: TypeSetChunkSize, Payload: x("00001000")})
		r := NewReader(io.MultiReader(bytes.NewReader(prefix), &forever{wire: wire}), Limits{})
		for range 3 { // the SetChunkSize, and messages by which the buffers grow
			if _, err := r.ReadMessage(); err != nil {
				t.Fatal(err)
			}
		}
		n := testing.AllocsPerRun(100, func() {
			if _, err := r.ReadMessage(); err != nil {
				t.Fatal(err)
			}
		})
		if n > 1 {
			t.Errorf("%v allocations for a message of %d bytes, want 1", n, size)
		}
	}
}
