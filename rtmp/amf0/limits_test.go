package amf0

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

// nested returns depth containers inside each other.
func nested(opening string, depth int, closing string) []byte {
	return x(strings.Repeat(opening, depth) + strings.Repeat(closing, depth))
}

func TestDepth(t *testing.T) {
	tests := []struct {
		name             string
		opening, closing string
	}{
		{"object", "03 0001 6b", "000009"},
		{"ECMA array", "08 00000001 0001 6b", "000009"},
		{"typed object", "10 0000 0001 6b", "000009"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{0, 1, 5} {
				most := limit
				if limit == 0 {
					most = DefaultMaxDepth
				}
				// The innermost container holds a null.
				wrap := func(depth int) []byte {
					return x(strings.Repeat(tt.opening, depth) + "05" + strings.Repeat(tt.closing, depth))
				}
				if _, err := NewDecoder(wrap(most), Limits{MaxDepth: limit}).Decode(); err != nil {
					t.Errorf("depth %d: %v", most, err)
				}
				if _, err := NewDecoder(wrap(most+1), Limits{MaxDepth: limit}).Decode(); !errors.Is(err, ErrDepth) {
					t.Errorf("depth %d: %v, want %v", most+1, err, ErrDepth)
				}
			}
		})
	}
	t.Run("strict array", func(t *testing.T) {
		if _, err := NewDecoder(append(nested("0a 00000001", 16, ""), 5), Limits{}).Decode(); err != nil {
			t.Error(err)
		}
		if _, err := NewDecoder(append(nested("0a 00000001", 17, ""), 5), Limits{}).Decode(); !errors.Is(err, ErrDepth) {
			t.Errorf("%v, want %v", err, ErrDepth)
		}
	})
}

// TestNodes: the limit holds for all values of a Decoder together, and a count
// that breaks it is refused before its elements are read.
func TestNodes(t *testing.T) {
	d := NewDecoder(x("05 05 03 00016b 05 000009 05"), Limits{MaxNodes: 4})
	for range 3 {
		if _, err := d.Decode(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Decode(); !errors.Is(err, ErrNodes) {
		t.Fatalf("%v, want %v", err, ErrNodes)
	}

	array := func(n int) []byte {
		return append([]byte{0x0a, 0, 0, byte(n >> 8), byte(n)}, bytes.Repeat([]byte{5}, n)...)
	}
	if _, err := NewDecoder(array(DefaultMaxNodes-1), Limits{}).Decode(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDecoder(array(DefaultMaxNodes), Limits{}).Decode(); !errors.Is(err, ErrNodes) {
		t.Fatalf("%v, want %v", err, ErrNodes)
	}
}

// TestVector15Bombs decodes what is made to exhaust a decoder.
func TestVector15Bombs(t *testing.T) {
	mega := func(unit string) []byte { return bytes.Repeat(x(unit), 4<<20/len(x(unit))) }
	tests := []struct {
		name    string
		encoded []byte
		want    error
		most    uint64 // bytes allocated
	}{
		{"strict array of 2³¹-1", x("02 0001 78 00 3ff0000000000000 0a 7fffffff"), ErrTruncated, 4 << 10},
		{"strict array of 2³²-1", append(x("0a ffffffff"), mega("05")...), ErrTruncated, 4 << 10},
		{"strict array of 4 million", append(x("0a 00400000"), mega("05")...), ErrNodes, 4 << 10},
		{"long string of 2³²-1", append(x("0c ffffffff"), mega("61")...), ErrTruncated, 4 << 10},
		{"ECMA array of 2³²-1", append(x("08 ffffffff"), mega("0001 6b 05")...), ErrNodes, 1 << 20},
		{"4 MB of nested objects", mega("03 0001 6b"), ErrDepth, 16 << 10},
		{"4 MB of nested objects with empty keys", mega("03 0000"), ErrDepth, 16 << 10},
		{"4 MB of nested arrays", mega("0a 00000100"), ErrDepth, 16 << 10},
		{"4 MB of properties", append(x("03"), mega("0000 05")...), ErrNodes, 1 << 20},
		{"4 MB of nulls", mega("05"), ErrNodes, 256 << 10},
		{"4 MB of numbers", mega("00 3ff0000000000000"), ErrNodes, 256 << 10},
		{"4 MB of empty objects", mega("03 0000 09"), ErrNodes, 512 << 10},
	}
	for _, tt := range tests {
		t.Run("vector 15: "+tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := drain(NewDecoder(tt.encoded, Limits{}))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error is %v, want %v", err, tt.want)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > tt.most {
				t.Fatalf("%d bytes allocated, want at most %d", n, tt.most)
			}
		})
	}
}

// drain decodes values until the error.
func drain(d *Decoder) error {
	for {
		if _, err := d.Decode(); err != nil {
			return err
		}
	}
}

// FuzzDecode decodes any bytes. What it decodes must survive being encoded and
// decoded again.
func FuzzDecode(f *testing.F) {
	for _, v := range append(vectors(), otherVectors()...) {
		if len(v.encoded) < 1000 { // long seeds make a slow fuzzer
			f.Add(v.encoded)
		}
	}
	for _, v := range badVectors() {
		f.Add(v.encoded)
	}
	f.Add(x("08 ffffffff 00016b 0101 000009 05 11"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDecoder(b, Limits{})
		for {
			before := d.Remaining()
			v, err := d.Decode()
			if err != nil {
				requireKnownError(t, err, d.Remaining())
				return
			}
			if len(d.Remaining()) >= len(before) {
				t.Fatal("decoded a value out of nothing")
			}
			once, err := Append(nil, v)
			if err != nil {
				t.Fatalf("%#v does not encode: %v", v, err)
			}
			again, err := NewDecoder(once, Limits{}).Decode()
			if err != nil {
				t.Fatalf("%x does not decode: %v", once, err)
			}
			twice, err := Append(nil, again)
			if err != nil || !bytes.Equal(once, twice) {
				t.Fatalf("%x became %x (%v)", once, twice, err)
			}
		}
	})
}

func requireKnownError(t *testing.T, err error, rest []byte) {
	t.Helper()
	var e *Error
	atEnd := err == io.EOF //nolint:errorlint // a plain io.EOF, as of any reader
	if atEnd != (len(rest) == 0) || !atEnd && !errors.As(err, &e) {
		t.Fatalf("error is %v with %d bytes left", err, len(rest))
	}
}

// connect is about what an encoder sends first.
var connect = Object{
	{"app", "live"},
	{"type", "nonprivate"},
	{"flashVer", "FMLE/3.0 (compatible; FMSc/1.0)"},
	{"tcUrl", "rtmp://localhost/live"},
	{"fpad", false},
	{"capabilities", 15.0},
	{"audioCodecs", 4071.0},
	{"videoCodecs", 252.0},
}

func BenchmarkDecode(b *testing.B) {
	encoded, err := Append(nil, connect)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewDecoder(encoded, Limits{}).Decode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	dst, err := Append(nil, connect)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = Append(dst[:0], connect); err != nil {
			b.Fatal(err)
		}
	}
}
