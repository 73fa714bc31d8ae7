package amf0

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

type vector struct {
	name    string
	decoded any
	encoded []byte
}

// vectors are values and their one encoding: vector 16. They also seed the fuzz test.
func vectors() []vector {
	long := strings.Repeat("long", 16384) // 65536 bytes
	return []vector{
		{"number", 1.0, x("00 3ff0000000000000")},
		{"number, negative zero", math.Copysign(0, -1), x("00 8000000000000000")},
		{"number, infinity", math.Inf(1), x("00 7ff0000000000000")},
		{"number, NaN", math.Float64frombits(0x7ff8000000000123), x("00 7ff8000000000123")},
		{"boolean, true", true, x("01 01")},
		{"boolean, false", false, x("01 00")},
		{"string", "connect", join(x("02 0007"), []byte("connect"))},
		{"string, empty", "", x("02 0000")},
		{"string, not UTF-8", "\xff\xfe\x00\xc3", x("02 0004 fffe00c3")},
		{"string, longest", long[1:], join(x("02 ffff"), []byte(long[1:]))},
		{"long string", long, join(x("0c 00010000"), []byte(long))},
		{"object, empty", Object(nil), x("03 0000 09")},
		{
			"object",
			Object{{"app", "live"}, {"audioCodecs", 3575.0}, {"fpad", false}, {"x", Null{}}},
			join(x("03 0003"), []byte("app"), x("02 0004"), []byte("live"),
				x("000b"), []byte("audioCodecs"), x("00 40abee0000000000"),
				x("0004"), []byte("fpad"), x("01 00"), x("0001 78 05"), x("0000 09")),
		},
		{"object, duplicate keys", Object{{"k", true}, {"k", false}}, x("03 00016b 0101 00016b 0100 000009")},
		{"object, empty key", Object{{"", Null{}}, {"k", Null{}}}, x("03 0000 05 00016b 05 000009")},
		{"null", Null{}, x("05")},
		{"undefined", Undefined{}, x("06")},
		{"reference", Reference(0x1234), x("07 1234")},
		{"ECMA array", ECMAArray{{"duration", 0.0}, {"stereo", true}}, join(x("08 00000002 0008"), []byte("duration"),
			x("00 0000000000000000 0006"), []byte("stereo"), x("01 01 000009"))},
		{
			"ECMA array, nested",
			ECMAArray{{"a", ECMAArray{{"b", ECMAArray(nil)}}}, {"c", StrictArray{Object(nil)}}},
			x("08 00000002 000161  08 00000001 000162  08 00000000 000009  000009  000163 0a 00000001 03 000009  000009"),
		},
		{"strict array", StrictArray{1.0, "s", StrictArray(nil)}, x("0a 00000003 003ff0000000000000 02000173 0a00000000")},
		{"date", Date{1e12, 0}, x("0b 426d1a94a2000000 0000")},
		{"date, time zone", Date{0, -60}, x("0b 0000000000000000 ffc4")},
		{"unsupported", Unsupported{}, x("0d")},
		{"XML document", XMLDocument("<a/>"), join(x("0f 00000004"), []byte("<a/>"))},
		{"typed object", TypedObject{"C", Object{{"k", "v"}}}, x("10 000143 00016b 02000176 000009")},
	}
}

var equalNaNs = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })

func TestVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run("vector 16: "+v.name, func(t *testing.T) {
			encoded, err := Append([]byte("before"), v.decoded)
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]byte("before"), v.encoded...); !bytes.Equal(encoded, want) {
				t.Errorf("encoded as %x, want %x", encoded, want)
			}
			d := NewDecoder(join(v.encoded, []byte("after")), Limits{})
			decoded, err := d.Decode()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.decoded, decoded, equalNaNs); diff != "" {
				t.Errorf("decoded wrongly (-want +got):\n%s", diff)
			}
			if string(d.Remaining()) != "after" {
				t.Errorf("remaining is %q", d.Remaining())
			}
		})
	}
}

// otherVectors are encodings of values that we would encode differently.
func otherVectors() []vector {
	return []vector{
		{"boolean, neither 0 nor 1", true, x("01 02")},
		{"long string that is short", "s", x("0c 00000001 73")},
		{"ECMA array, count 0", ECMAArray{{"k", true}}, x("08 00000000 00016b 0101 000009")},
		{"ECMA array, count too small", ECMAArray{{"k", true}, {"l", true}}, x("08 00000001 00016b 0101 00016c 0101 000009")},
		{"ECMA array, huge count", ECMAArray{{"k", true}}, x("08 ffffffff 00016b 0101 000009")},
	}
}

func TestVectorsOfOthers(t *testing.T) {
	for _, v := range otherVectors() {
		t.Run("vector 16: "+v.name, func(t *testing.T) {
			decoded, err := NewDecoder(v.encoded, Limits{}).Decode()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.decoded, decoded); diff != "" {
				t.Errorf("decoded wrongly (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeSequence(t *testing.T) {
	var b []byte
	for _, v := range vectors() {
		b = append(b, v.encoded...)
	}
	d := NewDecoder(b, Limits{})
	for _, v := range vectors() {
		got, err := d.Decode()
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if diff := cmp.Diff(v.decoded, got, equalNaNs); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", v.name, diff)
		}
	}
	for range 2 {
		if _, err := d.Decode(); err != io.EOF { //nolint:errorlint // a plain io.EOF, as of any reader
			t.Fatalf("at the end: %v", err)
		}
	}
	if len(d.Remaining()) > 0 {
		t.Fatalf("remaining is %x", d.Remaining())
	}
}

// TestVector16Truncation cuts every vector at every byte.
func TestVector16Truncation(t *testing.T) {
	for _, v := range vectors() {
		for n := 1; n < len(v.encoded); n++ {
			d := NewDecoder(v.encoded[:n], Limits{})
			_, err := d.Decode()
			if !errors.Is(err, ErrTruncated) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s, %d of %d bytes: %v", v.name, n, len(v.encoded), err)
			}
			if _, again := d.Decode(); again != err { //nolint:errorlint // the very same error
				t.Fatalf("%s: the second error is %v", v.name, again)
			}
			if len(d.Remaining()) != n {
				t.Fatalf("%s: a failed value was consumed", v.name)
			}
		}
	}
	if _, err := NewDecoder(nil, Limits{}).Decode(); err != io.EOF { //nolint:errorlint // as above
		t.Fatalf("nothing at all: %v", err)
	}
}

// A badVector is an encoding of nothing.
type badVector struct {
	name    string
	encoded []byte
	want    *Error
}

func badVectors() []badVector {
	return []badVector{
		{"movie clip", x("04"), ErrMarker},
		{"record set", x("0e"), ErrMarker},
		{"object end", x("09"), ErrMarker},
		{"AMF 3", x("11 04 01"), ErrMarker},
		{"unknown", x("ff"), ErrMarker},
		{"object end behind a key", x("03 00016b 09"), ErrMarker},
		{"object end in a strict array", x("0a 00000001 09"), ErrMarker},
		{"strict array, count beyond the end", x("0a 7fffffff"), ErrTruncated},
		{"strict array, largest count", x("0a ffffffff 05"), ErrTruncated},
		{"long string beyond the end", x("0c ffffffff 61"), ErrTruncated},
		{"XML document beyond the end", x("0f 80000000 61"), ErrTruncated},
		{"string beyond the end", x("02 ffff 61"), ErrTruncated},
	}
}

func TestVectorsThatAreWrong(t *testing.T) {
	for _, tt := range badVectors() {
		t.Run("vector 16: "+tt.name, func(t *testing.T) {
			_, err := NewDecoder(tt.encoded, Limits{}).Decode()
			var e *Error
			if !errors.As(err, &e) || e != tt.want || e.Kind() == "" {
				t.Fatalf("error is %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAppendErrors(t *testing.T) {
	tooLong := strings.Repeat("k", 65536)
	tests := []struct {
		name  string
		value any
		want  error
	}{
		{"nil", nil, ErrType},
		{"int", 1, ErrType},
		{"map", map[string]any{}, ErrType},
		{"int in an object", Object{{"k", 1}}, ErrType},
		{"int in an ECMA array", ECMAArray{{"k", 1}}, ErrType},
		{"int in a strict array", StrictArray{1}, ErrType},
		{"int in a typed object", TypedObject{"C", Object{{"k", 1}}}, ErrType},
		{"key", Object{{tooLong, true}}, ErrTooLong},
		{"class name", TypedObject{ClassName: tooLong}, ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Append([]byte("before"), tt.value)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error is %v, want %v", err, tt.want)
			}
			if string(got) != "before" {
				t.Fatalf("appended in spite of the error: %q", got)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	o := Object{{"s", "first"}, {"s", "second"}, {"n", 2.5}, {"null", Null{}}}
	a := ECMAArray(o)
	for key, want := range map[string]any{"s": "first", "n": 2.5, "null": Null{}, "missing": nil} {
		ov, ook := o.Get(key)
		av, aok := a.Get(key)
		if ov != want || av != want || ook != (want != nil) || aok != ook {
			t.Errorf("%s is %v %v and %v %v, want %v", key, ov, ook, av, aok, want)
		}
		_, isString := want.(string)
		if _, ok := o.String(key); ok != isString {
			t.Errorf("%s in an object is a string: %v", key, ok)
		}
		if _, ok := a.String(key); ok != isString {
			t.Errorf("%s in an array is a string: %v", key, ok)
		}
		_, isNumber := want.(float64)
		if _, ok := o.Number(key); ok != isNumber {
			t.Errorf("%s in an object is a number: %v", key, ok)
		}
		if _, ok := a.Number(key); ok != isNumber {
			t.Errorf("%s in an array is a number: %v", key, ok)
		}
	}
	if s, _ := o.String("s"); s != "first" {
		t.Errorf("s is %q", s)
	}
	if n, _ := a.Number("n"); n != 2.5 {
		t.Errorf("n is %v", n)
	}
}
