package chunk

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

// readAllReused is readAll with buffers that are used again. What the messages
// held is overwritten before each next one, as other connections would.
func readAllReused(src io.Reader, l Limits) (messages []Message, err error) {
	r := NewReader(src, l)
	r.ReuseBuffers()
	for {
		m, err := r.ReadMessage()
		if err != nil {
			return messages, err
		}
		lent := m.Payload
		m.Payload = slices.Clone(lent)
		clear(lent)
		messages = append(messages, m)
	}
}

// A scripted PatientReader has something at every other call only.
type scripted struct {
	io.Reader
	early bool // there is nothing yet
}

func (s *scripted) ReadPatiently(m Memory) (int, error) {
	clear(m.Borrow())
	m.GiveBack() // then it waited
	return s.Read(m.Borrow())
}

func (s *scripted) ReadNow(p []byte) (int, error) {
	if s.early = !s.early; s.early {
		return 0, ErrNotYet
	}
	return s.Read(p)
}

func (s *scripted) Wait() error { return nil }

// TestReuse reads every vector into buffers that are used again: whatever comes
// at once, the messages are the same.
func TestReuse(t *testing.T) {
	for _, way := range []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"whole", func(r io.Reader) io.Reader { return r }},
		{"byte by byte", iotest.OneByteReader},
		{"half by half", iotest.HalfReader},
		{"the end comes with the last bytes", iotest.DataErrReader},
		{"patiently", func(r io.Reader) io.Reader { return &scripted{Reader: r} }},
		{"patiently byte by byte", func(r io.Reader) io.Reader { return &scripted{Reader: iotest.OneByteReader(r)} }},
	} {
		for _, v := range readVectors() {
			got, err := readAllReused(way.wrap(bytes.NewReader(v.wire)), v.limits)
			want := v.err
			if want == nil {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Errorf("%s, %s: error is %v, want %v", way.name, v.name, err, want)
			}
			requireMessages(t, got, v.want)
		}
	}
}

// interleaved is long messages on one chunk stream, with short ones between
// their chunks, and what they are.
func interleaved(chunkSize int) (wire []byte, want []Message) {
	wire = AppendMessage(nil, 2, InitialChunkSize, ptr(control(TypeSetChunkSize, []byte{0, byte(chunkSize >> 16), byte(chunkSize >> 8), byte(chunkSize)})))
	want = append(want, control(TypeSetChunkSize, []byte{0, byte(chunkSize >> 16), byte(chunkSize >> 8), byte(chunkSize)}))
	for i, size := range []int{300_000, 20_000, 100, maxBuffer, maxBuffer - 12, 5_000, 1_500_000, 4_000, 65_000} {
		long, short := video(uint32(i)|0x1000000, fill(size)), audio(uint32(i), fill(200)[i:])
		for rest, first := AppendMessage(nil, 6, chunkSize, &long), true; len(rest) > 0; first = false {
			n := 5 // basic header and extended timestamp
			if first {
				n = 16
			}
			n = min(n+chunkSize, len(rest))
			wire = append(wire, rest[:n]...)
			rest = rest[n:]
			if len(rest) > 0 {
				wire = AppendMessage(wire, 4, chunkSize, &short)
				want = append(want, short)
			}
		}
		want = append(want, long)
	}
	return wire, want
}

func TestReuseInterleaved(t *testing.T) {
	for _, chunkSize := range []int{InitialChunkSize, 4096, 60_000, 1 << 20} {
		wire, want := interleaved(chunkSize)
		for _, src := range []io.Reader{
			bytes.NewReader(wire), iotest.HalfReader(bytes.NewReader(wire)), &trickle{bytes.NewReader(wire), 1400},
			&scripted{Reader: &trickle{bytes.NewReader(wire), 1400}},
		} {
			got, err := readAllReused(src, Limits{})
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			requireMessages(t, got, want)
		}
	}
}

// TestReuseKeepsNothing: what was read of a long message, aborted or whole, is
// given back when the next comes, and what is very long is not kept at all.
func TestReuseKeepsNothing(t *testing.T) {
	long := AppendMessage(nil, 6, InitialChunkSize, ptr(video(1, fill(5<<20))))
	begun := join(x("06 000001 0fffff 09 01000000"), fill(128))
	abort := x("02 000000 000004 02 00000000 00000006")
	for _, wire := range [][]byte{long, join(begun, abort)} {
		r := NewReader(bytes.NewReader(join(wire, x("04 000001 000001 08 01000000 aa"))), Limits{})
		r.ReuseBuffers()
		for {
			m, err := r.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if m.Type == TypeAudio {
				break
			}
		}
		if s := r.streams.get(6); r.last != nil || s.lent != nil || s.payload != nil {
			t.Errorf("after a message on another chunk stream: %v, %v", r.last, s)
		}
		if _, err := r.ReadMessage(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	for range 10 {
		b := borrowBlock(5 << 20)
		if len(b.mem) != 5<<20 {
			t.Fatalf("a block of %d bytes", len(b.mem))
		}
		b.giveBack()
	}
}

func TestBlocks(t *testing.T) {
	for n, want := range map[int]int{
		1: 4 << 10, 4 << 10: 4 << 10, 4<<10 + 1: 8 << 10, 60_000: 64 << 10, 64 << 10: 64 << 10,
		1 << 20: 1 << 20, 1<<20 + 1: 1<<20 + 1, MaxMessageSize: MaxMessageSize,
	} {
		b := borrowBlock(n)
		if len(b.mem) != want {
			t.Errorf("%d bytes: a block of %d, want %d", n, len(b.mem), want)
		}
		b.giveBack()
	}
	var none *block
	none.giveBack()
}

// TestReuseAllocatesNothing: in the long run, a message costs nothing.
func TestReuseAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes pools forget")
	}
	for _, size := range []int{100, 5_000, 20_000, 300_000} {
		for _, chunkSize := range []int{InitialChunkSize, 4096, 60_000} {
			for _, patient := range []bool{false, true} {
				r := steady(size, chunkSize, patient)
				r.ReuseBuffers()
				read := func() {
					if _, err := r.ReadMessage(); err != nil {
						t.Fatal(err)
					}
				}
				for range 3 {
					read()
				}
				if n := testing.AllocsPerRun(100, read); n > 0 {
					t.Errorf("%v allocations for a message of %d bytes in chunks of %d (patient: %v)", n, size, chunkSize, patient)
				}
			}
		}
	}
}

// steady returns a Reader of the same message over and over.
func steady(size, chunkSize int, patient bool) *Reader {
	var src io.Reader = &forever{wire: AppendMessage(nil, 6, chunkSize, ptr(video(1, fill(size))))}
	if patient {
		src = &scripted{Reader: src}
	}
	r := NewReader(src, Limits{})
	r.chunkSize = chunkSize
	return r
}

// TestArrived: what has begun is read, what has not is not waited for.
func TestArrived(t *testing.T) {
	wire := AppendMessage(nil, 6, InitialChunkSize, ptr(video(1, fill(300))))
	r := NewReader(&scripted{Reader: bytes.NewReader(wire)}, Limits{})
	for range 2 { // a message, and the end
		if r.Arrived() {
			t.Fatal("there is nothing yet")
		}
		if r.in.lent != nil {
			t.Fatal("a buffer is kept")
		}
		r.Wait()
		for range 2 {
			if !r.Arrived() {
				t.Fatal("there is something")
			}
		}
		m, err := r.ReadMessage()
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(m, err)
		}
	}
	if !r.Arrived() {
		t.Fatal("the end is something, too")
	}
}

func BenchmarkReadMessageReused(b *testing.B) {
	for _, bm := range []struct {
		name            string
		size, chunkSize int
	}{
		{"audio400B/chunk128", 400, 128},
		{"audio400B/chunk4096", 400, 4096},
		{"video4KB/chunk128", 4_000, 128},
		{"video4KB/chunk4096", 4_000, 4096},
		{"video25KB/chunk128", 25_000, 128},
		{"video25KB/chunk4096", 25_000, 4096},
		{"video25KB/chunk60000", 25_000, 60_000},
		{"keyframe300KB/chunk60000", 300_000, 60_000},
	} {
		b.Run(bm.name, func(b *testing.B) {
			r := steady(bm.size, bm.chunkSize, true)
			r.ReuseBuffers()
			b.SetBytes(int64(bm.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ReadMessage(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
