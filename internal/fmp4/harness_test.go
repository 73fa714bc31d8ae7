package fmp4

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// flvStream is a hand-made FLV stream.
type flvStream struct{ bytes.Buffer }

func newFLV(flags byte) *flvStream {
	var s flvStream
	s.Write([]byte{'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0})
	return &s
}

func (s *flvStream) tag(kind byte, at int, payload []byte) {
	n, ts := len(payload), uint32(at)
	s.Write([]byte{kind, byte(n >> 16), byte(n >> 8), byte(n), byte(ts >> 16), byte(ts >> 8), byte(ts), byte(ts >> 24), 0, 0, 0})
	s.Write(payload)
	s.Write(binary.BigEndian.AppendUint32(nil, uint32(n+11)))
}

func (s *flvStream) video(at int, payload []byte) { s.tag(tagVideo, at, payload) }
func (s *flvStream) audio(at int, payload []byte) { s.tag(tagAudio, at, payload) }

// ffmpeg makes a file, once for all tests that ask for it with the same arguments.
func ffmpeg(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	key := name + " " + strings.Join(args, " ")
	made, _ := madeFiles.LoadOrStore(key, sync.OnceValues(func() ([]byte, error) {
		file := filepath.Join(t.TempDir(), name)
		if err := run("ffmpeg", append(append([]string{"-v", "error", "-y"}, args...), file)...).err; err != nil {
			return nil, err
		}
		return os.ReadFile(file)
	}))
	b, err := made.(func() ([]byte, error))()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v", args, err)
	}
	return b
}

var madeFiles sync.Map

type output struct {
	stdout, stderr string
	err            error
}

// run runs a program, for a minute at most.
func run(name string, args ...string) output {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return output{stdout.String(), stderr.String(), err}
}

// Sources of pictures and sound, and encoders, as arguments of ffmpeg.
var (
	pictures = []string{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3"}
	larger   = []string{"-f", "lavfi", "-i", "testsrc2=size=480x270:rate=25:duration=3"}
	sound    = []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3"}
	x264     = []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "25", "-bf", "2"}
	aac      = []string{"-c:a", "aac", "-b:a", "64k"}
)

func join(args ...[]string) (all []string) {
	for _, a := range args {
		all = append(all, a...)
	}
	return all
}

// h264AAC is three seconds of H.264 with B-frames and of AAC, as ffmpeg writes FLV.
func h264AAC(t testing.TB) []byte {
	t.Helper()
	return ffmpeg(t, "a.flv", join(pictures, sound, x264, aac)...)
}

// writes notes what came with each Write.
type writes struct {
	bytes.Buffer
	sizes []int
}

func (w *writes) Write(p []byte) (int, error) {
	w.sizes = append(w.sizes, len(p))
	return w.Buffer.Write(p)
}

// remuxed is what became of a stream.
type remuxed struct {
	writes
	mime  string
	stats Stats
}

func remux(t testing.TB, flv []byte) *remuxed {
	t.Helper()
	r, err := tryRemux(flv, Options{})
	if err != nil {
		t.Fatalf("Remux: %v", err)
	}
	return r
}

func tryRemux(flv []byte, o Options) (r *remuxed, err error) {
	r = new(remuxed)
	o.Started = func(mime string) { r.mime += mime }
	r.stats, err = Remux(&r.writes, bytes.NewReader(flv), o)
	return r, err
}

// split returns the payloads of an FLV file, with their times.
func split(t testing.TB, file []byte) (tags []tag) {
	t.Helper()
	r := newFLVReader(bytes.NewReader(file))
	if _, err := r.header(); err != nil {
		t.Fatal(err)
	}
	for {
		x, err := r.next()
		if err != nil {
			return tags
		}
		tags = append(tags, x)
	}
}
