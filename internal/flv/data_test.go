package flv

import (
	"bytes"
	"testing"
)

const bareMetadata = "\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09"

var dataVectors = []struct {
	name, in, want string
	metadata       bool
}{
	{"bare", bareMetadata, bareMetadata, true},
	{"wrapped", "\x02\x00\x0d@setDataFrame" + bareMetadata, bareMetadata, true},
	{"other data", "\x02\x00\x06onText\x05", "\x02\x00\x06onText\x05", false},
	{"wrapped, other data", "\x02\x00\x0d@setDataFrame\x02\x00\x06onText\x05", "\x02\x00\x06onText\x05", false},
	{"wrapped, cut short", "\x02\x00\x0d@setD", "\x02\x00\x0d@setD", false},
	{"nothing wrapped", "\x02\x00\x0d@setDataFrame", "\x02\x00\x0d@setDataFrame", false},
	{"not a string", "\x05", "\x05", false},
	{"empty", "", "", false},
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	for _, v := range dataVectors {
		got := Unwrap([]byte(v.in))
		if string(got) != v.want || IsMetadata(got) != v.metadata {
			t.Errorf("%s: %q (metadata %v), want %q (%v)", v.name, got, IsMetadata(got), v.want, v.metadata)
		}
	}
}

// FuzzParse: whatever the payload, what is read of it is of use to those who rely on it.
func FuzzParse(f *testing.F) {
	for _, set := range [][]vector{videoVectors, audioVectors} {
		for _, v := range set {
			f.Add([]byte(v.payload))
		}
	}
	for _, v := range dataVectors {
		f.Add([]byte(v.in))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		checkTag(t, p, ParseVideo, exVideoMultitrack, len(p) > 0 && p[0]&0x80 != 0)
		checkTag(t, p, ParseAudio, exAudioMultitrack, len(p) > 0 && p[0]>>4 == soundExHeader)
		u := Unwrap(p)
		if !bytes.HasSuffix(p, u) || len(p) > 0 && len(u) == 0 {
			t.Errorf("%x is unwrapped to %x", p, u)
		}
		if IsMetadata(p) && !bytes.Equal(u, p) {
			t.Errorf("%x is metadata, and wraps something", p)
		}
		if !bytes.Equal(p, before) {
			t.Errorf("%x was changed to %x", before, p)
		}
	})
}

func checkTag(t *testing.T, p []byte, parse func([]byte) Tag, multitrack byte, enhanced bool) {
	t.Helper()
	tag := parse(p)
	if again := parse(bytes.Clone(p)); again != tag {
		t.Errorf("%x is %+v, then %+v", p, tag, again)
	}
	if tag.Type.Media() && tag.Type.Header() {
		t.Errorf("%x is both media and a header", p)
	}
	if tag.Codec != printable([]byte(tag.Codec)) || len(tag.Codec) > len("nellymoser") {
		t.Errorf("%x has the codec %q", p, tag.Codec)
	}
	if n := tag.Tracks.Len(); (n == 0) != (tag.Type == Other) || n > len(p) {
		t.Errorf("%x is %+v, of %d tracks", p, tag, n)
	}
	if !enhanced || tag.Type == Other {
		return
	}
	packet := p[0] & 0x0f
	if packet != exModEx { // else there may be as many as are taken
		modified := append([]byte{p[0]&0xf0 | exModEx, 2, 0, 3, 232, packet}, p[1:]...)
		if got := parse(modified); got != tag {
			t.Errorf("%x is %+v, but %+v with a modifier", p, tag, got)
		}
	}
	if packet != multitrack && packet != exModEx {
		track := append([]byte{p[0]&0xf0 | multitrack, packet}, p[1:5]...)
		track = append(append(track, 9), p[5:]...)
		want := tag
		want.Tracks = Track(9)
		if got := parse(track); got != want {
			t.Errorf("%x is %+v, but %+v as track 9", p, tag, got)
		}
	}
}
