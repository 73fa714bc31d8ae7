package bench

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

var formats = []struct {
	name string
	Format
}{
	{"1 Mbit/s", Format{Bitrate: 1e6}},
	{"least", Format{Bitrate: 64e3, AudioBitrate: 24e3, GOP: 4 * time.Second}},
	{"6 Mbit/s", Format{Bitrate: 6e6, FPS: 60, GOP: time.Second}},
	{"keyframes alone", Format{Bitrate: 2e6, FPS: 10, GOP: 100 * time.Millisecond}},
	{"much audio", Format{Bitrate: 3e6, AudioBitrate: 1e6}},
}

// generate makes what a stream sends in so many seconds, its opening first.
func generate(t *testing.T, f Format, seconds int) []rtmp.Message {
	t.Helper()
	l, err := f.layout()
	if err != nil {
		t.Fatal(err)
	}
	tt := timetable{layout: l, run: 7, stream: streamID("cam")}
	messages, err := tt.opening()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, due := tt.next(); due >= time.Duration(seconds)*time.Second {
			return messages
		}
		messages = append(messages, tt.message(nil, monotonic()))
	}
}

func TestGenerator(t *testing.T) {
	t.Parallel()
	const seconds = 8
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			l, err := f.layout()
			if err != nil {
				t.Fatal(err)
			}
			var size, videos, audios int
			messages := generate(t, f.Format, seconds)
			for i, m := range messages[3:] {
				size += len(m.Payload)
				tag, want := flv.ParseAudio(m.Payload), flv.Frame
				if m.Type == rtmp.TypeVideo {
					tag = flv.ParseVideo(m.Payload)
					if videos%l.gop == 0 {
						want = flv.Keyframe
					}
					videos++
				} else {
					audios++
				}
				if tag.Type != want {
					t.Fatalf("message %d, %v, is %+v", i, m.Type, tag)
				}
				if i > 0 && m.Timestamp < messages[3+i-1].Timestamp {
					t.Fatalf("message %d: timestamp %d after %d", i, m.Timestamp, messages[3+i-1].Timestamp)
				}
			}
			if want := seconds * l.fps; videos != want {
				t.Errorf("%d video frames, want %d", videos, want)
			}
			if want := seconds * sampleRate / samplesPerFrame; audios < want || audios > want+1 {
				t.Errorf("%d audio frames, want %d", audios, want)
			}
			if rate := float64(size) * 8 / seconds; math.Abs(rate/float64(f.Bitrate)-1) > 0.02 {
				t.Errorf("%.0f bit/s, want %d", rate, f.Bitrate)
			}
		})
	}
}

func TestGeneratorSizes(t *testing.T) {
	t.Parallel()
	for size := uint32(minAudioSize); size < 3000; size++ {
		s := stamp{kind: kindAudio, size: size, sent: 1}
		if got := len(appendMessage(nil, &s)); got > int(size) || got < int(size)-3 {
			t.Errorf("audio of %d bytes has %d", size, got)
		}
		if size < minVideoSize {
			continue
		}
		s = stamp{kind: kindVideo, size: size, sent: 1, frame: 1<<16 - 1}
		if got := len(appendMessage(nil, &s)); got > int(size) || got < int(size)-1 {
			t.Errorf("video of %d bytes has %d", size, got)
		}
	}
}

func TestGeneratorRefuses(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{
		{},
		{Bitrate: 10e3},
		{Bitrate: 1e6, AudioBitrate: 1e6},
		{Bitrate: 1e6, AudioBitrate: 1000},
		{Bitrate: 1e6, FPS: 1001},
		{Bitrate: 1e6, FPS: -1},
		{Bitrate: 1e6, GOP: -1},
		{Bitrate: 1e6, GOP: time.Hour},
		{Bitrate: 1e12},
	} {
		if l, err := f.layout(); err == nil {
			t.Errorf("%+v is %+v", f, l)
		}
	}
}

// No byte sequence of a NAL unit may look like a start code (H.264 §7.4.1.1), and their lengths must add up.
func TestNALUnits(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		for _, m := range generate(t, f.Format, 3)[3:] {
			if m.Type != rtmp.TypeVideo {
				continue
			}
			for p := m.Payload[5:]; len(p) > 0; {
				n := int(binary.BigEndian.Uint32(p))
				if n > len(p)-4 {
					t.Fatalf("%s: a NAL unit of %d bytes in %d", f.name, n, len(p))
				}
				unit := p[4 : 4+n]
				for _, code := range []string{"\x00\x00\x00", "\x00\x00\x01", "\x00\x00\x02"} {
					if bytes.Contains(unit, []byte(code)) {
						t.Errorf("%s: a NAL unit has %x: %x", f.name, code, unit)
					}
				}
				p = p[4+n:]
			}
		}
	}
}

func TestFFmpegDecodes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("needs ffmpeg")
	}
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "stream.flv")
			if err := os.WriteFile(file, flvFile(generate(t, f.Format, 5)), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", file, "-f", "null", "-").CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// flvFile is what HTTP-FLV sends of messages (FLV §E.2 to §E.4).
func flvFile(messages []rtmp.Message) []byte {
	out := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for i := range messages {
		out = appendTag(out, &messages[i])
	}
	return out
}

func appendTag(out []byte, m *rtmp.Message) []byte {
	p := m.Payload
	if m.Type == rtmp.TypeData {
		p = flv.Unwrap(p)
	}
	out = binary.BigEndian.AppendUint32(out, uint32(m.Type)<<24|uint32(len(p)))
	out = binary.BigEndian.AppendUint32(out, m.Timestamp<<8|m.Timestamp>>24)
	out = append(append(out, 0, 0, 0), p...)
	return binary.BigEndian.AppendUint32(out, uint32(flvTagSize+len(p)))
}

func TestStamps(t *testing.T) {
	t.Parallel()
	for _, want := range []stamp{
		{kind: kindAudio, size: minAudioSize},
		{kind: kindVideo, size: minKeySize},
		{kind: kindVideo, run: 1<<32 - 1, stream: 1<<32 - 1, sequence: 1<<32 - 1, sent: 1<<63 - 1, size: 1 << 20, gop: 1<<28 - 1, frame: 1<<21 - 1},
		{kind: kindAudio, run: 3, stream: 4, sequence: 1 << 31, sent: monotonic(), size: 5000},
	} {
		message := appendMessage(nil, &want)
		if got, ok := findStamp(message); !ok || got != want {
			t.Errorf("%+v, %v; want %+v", got, ok, want)
		}
		if again := appendMessage(nil, &want); !bytes.Equal(message, again) {
			t.Errorf("%+v: two messages differ", want)
		}
		at := bytes.Index(message, []byte(stampID))
		if _, ok := findStamp(message[:at+stampSize-1]); ok {
			t.Errorf("%+v: read from a part of it", want)
		}
	}
}

func TestBitrate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Bitrate{
		"1": 1, "500k": 500e3, "500 kbit/s": 500e3, "1.5M": 15e5, "2G": 2e9, "64000": 64000, "6 Mbit/s": 6e6,
		"": -1, "0": -1, "-1": -1, "1.5X": -1, "NaN": -1, "1e30": -1, "M": -1,
	} {
		var got Bitrate
		if err := got.UnmarshalText([]byte(text)); (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}
