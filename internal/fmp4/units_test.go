package fmp4

import (
	"bytes"
	"testing"
)

func TestNALUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		in         string
		lengthSize int
		want       string
		ok         bool
	}{
		{"as in a sample", "00000002 6500 00000001 41", 4, "00000002 6500 00000001 41", true},
		{"sizes of 3 bytes", "000002 6500 000001 41", 3, "00000002 6500 00000001 41", true},
		{"sizes of 2 bytes", "0002 6500 0001 41", 2, "00000002 6500 00000001 41", true},
		{"sizes of 1 byte", "02 6500 01 41", 1, "00000002 6500 00000001 41", true},
		{"empty units", "00000000 00000002 6500 00000000", 4, "00000002 6500", true},
		{"only empty units", "00000000", 4, "", false},
		{"nothing", "", 4, "", false},
		{"start codes", "00000001 6500 00000001 41", 4, "", false},
		{"short", "00000003 6500", 4, "", false},
		{"cut in a size", "00000002 6500 0000", 4, "", false},
		{"a size of 4 GB", "ffffffff 6500", 4, "", false},
	} {
		in := unhex(c.in)
		got, ok := nalUnits(in, c.lengthSize)
		if ok != c.ok || ok && !bytes.Equal(got, unhex(c.want)) {
			t.Errorf("%s: %x, %v", c.name, got, ok)
		}
		if ok && c.in == c.want && &got[0] != &in[0] {
			t.Errorf("%s: it is copied", c.name)
		}
	}
}

func TestTemporalUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, want string
		ok             bool
	}{
		{"as in a sample", "320201ff", "320201ff", true},
		{"with a delimiter", "1200 320201ff", "320201ff", true},
		{"with delimiters between", "320201ff 1200 320201fe", "320201ff320201fe", true},
		{"the last without a size", "1200 320201ff 3001", "320201ff3001", true},
		{"a delimiter alone", "1200", "", false},
		{"cut", "1200 320301ff", "", false},
		{"nothing", "", "", false},
	} {
		if got, ok := temporalUnit(unhex(c.in)); ok != c.ok || ok && !bytes.Equal(got, unhex(c.want)) {
			t.Errorf("%s: %x, %v", c.name, got, ok)
		}
	}
}

// TestChangedSizes: a header that changes nothing but the size of sizes is in force all the same.
func TestChangedSizes(t *testing.T) {
	t.Parallel()
	header := bytes.Clone(avcHeader)
	header[5+4] = 0xfd // two bytes
	r := remux(t, tiny(flagVideo, step{0, avcHeader}, step{0, avcKey}, step{40, header}, step{40, []byte("\x17\x01\x00\x00\x00\x00\x02\x65\x00")}))
	if _, video, _ := r.samples(t); len(video) != 2 || !bytes.HasSuffix(video[1].data, unhex("00000002 6500")) {
		t.Errorf("%d frames, %+v", len(video), r.stats)
	}
}

// TestBrokenFrames: they are dropped, and counted.
func TestBrokenFrames(t *testing.T) {
	t.Parallel()
	startCodes := []byte("\x27\x01\x00\x00\x00\x00\x00\x00\x01\x41\x00")
	r := remux(t, tiny(bothFlags, step{0, avcHeader}, step{0, aacHeader}, step{0, avcKey}, step{0, aacFrame},
		step{40, startCodes}, step{40, []byte("\x27\x01\x00\x00\x00")}, step{40, []byte("\xaf\x01")}, step{80, avcInter}))
	if _, video, audio := r.samples(t); len(video) != 2 || len(audio) != 1 || r.stats.Dropped != 3 || r.stats.Frames != 3 {
		t.Errorf("%d and %d, %+v", len(video), len(audio), r.stats)
	}
}
