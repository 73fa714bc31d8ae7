package fmp4

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// A probedPacket is what ffprobe tells of one.
type probedPacket struct {
	Kind string `json:"codec_type"`
	PTS  int64  `json:"pts"`
	DTS  int64  `json:"dts"`
}

type probedStream struct {
	Kind string `json:"codec_type"`
	Tag  string `json:"codec_tag_string"`
}

type probed struct {
	Packets []probedPacket `json:"packets"`
	Streams []probedStream `json:"streams"`
}

func (p *probed) of(kind string) (all []probedPacket) {
	for _, x := range p.Packets {
		if x.Kind == kind {
			all = append(all, x)
		}
	}
	return all
}

func (r *remuxed) file(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out.mp4")
	if err := os.WriteFile(name, r.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// probe reads the MP4 with ffprobe, and decodes all of it with ffmpeg. Neither may say anything.
func (r *remuxed) probe(t *testing.T) (p probed) {
	t.Helper()
	name := r.file(t)
	out := run("ffprobe", "-v", "warning", "-of", "json", "-show_streams", "-show_packets", name)
	if out.err != nil || out.stderr != "" {
		t.Fatalf("ffprobe: %v\n%s", out.err, out.stderr)
	}
	if err := json.Unmarshal([]byte(out.stdout), &p); err != nil {
		t.Fatal(err)
	}
	r.decode(t, name)
	for _, kind := range []string{"video", "audio"} {
		last := int64(-1 << 62)
		for _, x := range p.of(kind) {
			if x.DTS <= last || x.PTS < x.DTS {
				t.Fatalf("%s: dts %d after %d, shown at %d", kind, x.DTS, last, x.PTS)
			}
			last = x.DTS
		}
	}
	return p
}

// A written sample is one as the MP4 has it.
type writtenSample struct {
	at, duration, offset int64 // milliseconds
	fragment, init       int   // of which it is
	sync                 bool
	data                 []byte
}

// samples reads what was written, Write by Write: initialization segments, and fragments. Each must be whole, and fragments in order.
func (r *remuxed) samples(t *testing.T) (inits []*fmp4.Init, video, audio []writtenSample) {
	t.Helper()
	rest, number := r.Bytes(), uint32(0)
	scale := map[int]int64{}
	for _, n := range r.sizes {
		piece := rest[:n]
		rest = rest[n:]
		if string(piece[4:8]) == "ftyp" {
			var init fmp4.Init
			if err := init.Unmarshal(bytes.NewReader(piece)); err != nil {
				t.Fatal(err)
			}
			for _, x := range init.Tracks {
				scale[x.ID] = int64(x.TimeScale)
			}
			inits = append(inits, &init)
			continue
		}
		var parts fmp4.Parts
		if err := parts.Unmarshal(piece); err != nil || len(parts) != 1 || parts[0].SequenceNumber != number+1 {
			t.Fatalf("after fragment %d: %v, %d parts", number, err, len(parts))
		}
		number++
		for _, x := range parts[0].Tracks {
			at := int64(x.BaseTime)
			to := &video
			if x.ID == audioID {
				to = &audio
			}
			for _, s := range x.Samples {
				ms := func(v int64) int64 { return v * 1000 / scale[x.ID] }
				*to = append(*to, writtenSample{ms(at), ms(int64(s.Duration)), int64(s.PTSOffset), int(number), len(inits), !s.IsNonSyncSample, s.Payload})
				at += int64(s.Duration)
			}
		}
	}
	return inits, video, audio
}

// decode decodes the MP4 with ffmpeg, and returns how many frames of video come out.
func (r *remuxed) decode(t *testing.T, name string) int {
	t.Helper()
	out := run("ffmpeg", "-v", "warning", "-xerror", "-i", name, "-map", "0", "-fps_mode", "passthrough", "-progress", "-", "-f", "null", "-")
	if out.err != nil || out.stderr != "" {
		t.Fatalf("ffmpeg: %v\n%s", out.err, out.stderr)
	}
	n := 0
	for line := range strings.Lines(out.stdout) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "frame="); ok {
			n, _ = strconv.Atoi(s)
		}
	}
	return n
}
