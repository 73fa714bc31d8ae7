package chunk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadVectors(t *testing.T) {
	for _, v := range readVectors() {
		t.Run(v.name, func(t *testing.T) { v.requireRead(t, bytes.NewReader(v.wire)) })
	}
}

// TestVector12Pieces reads every vector in pieces: that makes no difference.
func TestVector12Pieces(t *testing.T) {
	for _, way := range []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"byte by byte", iotest.OneByteReader},
		{"half by half", iotest.HalfReader},
		{"the end comes with the last bytes", iotest.DataErrReader},
	} {
		t.Run("vector 12: "+way.name, func(t *testing.T) {
			for _, v := range readVectors() {
				t.Run(v.name, func(t *testing.T) { v.requireRead(t, way.wrap(bytes.NewReader(v.wire))) })
			}
		})
	}
}

func (v *vector) requireRead(t *testing.T, r io.Reader) {
	t.Helper()
	got, err := readAll(r, v.limits)
	want := v.err
	if want == nil {
		want = io.EOF
	}
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
	requireMessages(t, got, v.want)
}

// TestVector12Ends cuts a stream at every byte: the end of the file is EOF at a
// message boundary, an unexpected EOF anywhere else.
func TestVector12Ends(t *testing.T) {
	p := fill(160)
	parts := []struct {
		wire     []byte
		messages int  // complete at the end of this part
		boundary bool // no message is open there
	}{
		{nil, 0, true},
		{x("02 000000 000004 01 00000000 00000080"), 1, true},
		{join(x("06ffffff0000a009 01000000 01000000"), p[:128]), 1, false},
		{x("04 000001 000003 08 01000000 aabbcc"), 2, false},
		{join(x("c6 01000000"), p[128:]), 3, true},
		{x("010001 000001 000000 12 01000000"), 4, true},
		{x("86 000001"), 4, false},
		{p[:128], 4, false},
		{x("c6"), 4, false},
		{p[128:], 5, true},
	}
	type end struct {
		messages int
		boundary bool
	}
	ends := map[int]end{}
	var wire []byte
	for _, p := range parts {
		wire = append(wire, p.wire...)
		ends[len(wire)] = end{p.messages, p.boundary}
	}
	complete := 0
	for n := range len(wire) + 1 {
		e, known := ends[n]
		if known {
			complete = e.messages
		}
		want := io.ErrUnexpectedEOF
		if known && e.boundary {
			want = io.EOF
		}
		for _, r := range []io.Reader{bytes.NewReader(wire[:n]), iotest.OneByteReader(bytes.NewReader(wire[:n]))} {
			got, err := readAll(r, Limits{})
			if len(got) != complete || err != want { //nolint:errorlint // a plain io.EOF, as of any io.Reader
				t.Fatalf("%d of %d bytes: %d messages, %v; want %d, %v", n, len(wire), len(got), err, complete, want)
			}
		}
	}
}

// TestVector10Clamped: a chunk size beyond what a message can have is none that
// we would ever count to.
func TestVector10Clamped(t *testing.T) {
	for size, want := range map[uint32]int{1: 1, MaxChunkSize: MaxChunkSize, MaxChunkSize + 1: MaxChunkSize, 1<<31 - 1: MaxChunkSize} {
		wire := AppendMessage(nil, 2, InitialChunkSize, ptr(control(TypeSetChunkSize, binary.BigEndian.AppendUint32(nil, size))))
		r := NewReader(bytes.NewReader(wire), Limits{})
		if _, err := r.ReadMessage(); err != nil || r.chunkSize != want {
			t.Errorf("%d: chunk size is %d, want %d (%v)", size, r.chunkSize, want, err)
		}
	}
}

func TestErrorsStay(t *testing.T) {
	r := NewReader(bytes.NewReader(x("c6 06 000001 000001 09 01000000 aa")), Limits{})
	for range 3 {
		if _, err := r.ReadMessage(); !errors.Is(err, ErrNoHeader) {
			t.Fatalf("error is %v, want %v", err, ErrNoHeader)
		}
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	for _, wire := range [][]byte{
		x("06 000001 0000a0 09 01000000 aa"),
		join(x("06 ffffff 0000a0 09 01000000 01000000"), fill(128), x("c6 0100")),
		join(x("02 000000 000004 01 00000000 00ffffff"), x("06 000001 011170 09 01000000"), fill(30_000)),
	} {
		for n := range len(wire) + 1 {
			_, err := readAll(io.MultiReader(bytes.NewReader(wire[:n]), iotest.ErrReader(os.ErrDeadlineExceeded)), Limits{})
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("after %d bytes: error is %v, want that of the reader", n, err)
			}
		}
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestReaderWithoutProgress(t *testing.T) {
	if _, err := readAll(io.MultiReader(bytes.NewReader(x("06 00")), nothing{}), Limits{}); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("error is %v, want %v", err, io.ErrNoProgress)
	}
}

func TestErrorKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range readVectors() {
		if v.err == nil {
			continue
		}
		_, err := readAll(bytes.NewReader(v.wire), v.limits)
		var e *Error
		if !errors.As(err, &e) || e.Kind() == "" {
			t.Fatalf("%s: %v has no kind", v.name, err)
		}
		seen[e.Kind()] = true
	}
	if len(seen) != 6 {
		t.Fatalf("the vectors provoke %d kinds of error, want all 6: %v", len(seen), seen)
	}
}

func TestSetMaxInFlight(t *testing.T) {
	wire := x("06 000001 0000c8 09 01000000")
	r := NewReader(bytes.NewReader(join(wire, fill(128), x("c6"), fill(72), wire)), Limits{MaxInFlight: 199})
	r.SetMaxInFlight(200)
	if _, err := r.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	r.SetMaxInFlight(199)
	if _, err := r.ReadMessage(); !errors.Is(err, ErrInFlight) {
		t.Fatalf("error is %v, want %v", err, ErrInFlight)
	}
}

func TestBytesRead(t *testing.T) {
	wire := join(AppendMessage(nil, 6, 128, ptr(video(5, fill(100_000)))), AppendMessage(nil, 6, 128, ptr(video(6, nil))))
	r := NewReader(bytes.NewReader(wire), Limits{})
	for range 2 {
		if _, err := r.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.BytesRead(); n != uint64(len(wire)) {
		t.Fatalf("%d bytes read, want %d", n, len(wire))
	}
}

// TestPayloadsAreTheCallers changes the payload of every message as soon as it
// was read, and appends to it.
func TestPayloadsAreTheCallers(t *testing.T) {
	var wire []byte
	for i := range 20 {
		wire = AppendMessage(wire, 6, 128, ptr(video(uint32(i), fill(i*1000))))
	}
	r := NewReader(bytes.NewReader(wire), Limits{})
	for i := range 20 {
		m, err := r.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		requireMessages(t, []Message{m}, []Message{video(uint32(i), fill(i*1000))})
		if cap(m.Payload) != len(m.Payload) {
			t.Fatalf("message %d: %d bytes, capacity %d", i, len(m.Payload), cap(m.Payload))
		}
		clear(m.Payload)
	}
}

// TestBufferSize: a connection that hardly sends keeps a small buffer, one that
// sends a lot gets a large one.
func TestBufferSize(t *testing.T) {
	for _, tt := range []struct {
		name string
		wrap func(io.Reader) io.Reader
		want int
	}{
		{"slow", func(r io.Reader) io.Reader { return &trickle{r, minBuffer - 1} }, minBuffer},
		{"fast", func(r io.Reader) io.Reader { return r }, maxBuffer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire := AppendMessage(nil, 6, InitialChunkSize, ptr(video(1, fill(500))))
			r := NewReader(tt.wrap(&forever{wire: wire}), Limits{})
			for range 1000 {
				if _, err := r.ReadMessage(); err != nil {
					t.Fatal(err)
				}
			}
			if len(r.in.buf) != tt.want {
				t.Fatalf("buffer of %d bytes, want %d", len(r.in.buf), tt.want)
			}
		})
	}
}

// trickle gives no more than most bytes, and no more than half of what it is
// asked for, at a time.
type trickle struct {
	r    io.Reader
	most int
}

func (t *trickle) Read(p []byte) (int, error) {
	return t.r.Read(p[:min(max(1, len(p)/2), t.most)])
}

func ptr(m Message) *Message { return &m }

// forever reads the same bytes over and over.
type forever struct {
	wire []byte
	pos  int
}

func (f *forever) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		k := copy(p[n:], f.wire[f.pos:])
		n += k
		f.pos = (f.pos + k) % len(f.wire)
	}
	return len(p), nil
}

func BenchmarkReadMessage(b *testing.B) {
	for _, bm := range []struct {
		name            string
		size, chunkSize int
	}{{"audio400B/chunk128", 400, 128}, {"video20KB/chunk4096", 20_000, 4096}, {"video20KB/chunk60000", 20_000, 60_000}, {"keyframe300KB/chunk60000", 300_000, 60_000}} {
		b.Run(bm.name, func(b *testing.B) {
			r := steady(bm.size, bm.chunkSize, false)
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
