package bench

import (
	"fmt"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A Format is what a stream is made of.
type Format struct {
	Bitrate      Bitrate       // video and audio, without the framing of the protocol
	AudioBitrate Bitrate       // of that; 0 is 96 kbit/s, or a quarter of a stream that is small
	FPS          int           // video frames a second; 0 is 30
	GOP          time.Duration // from keyframe to keyframe; 0 is 2 s
}

// keyframeWeight is how much larger a keyframe is than the frames between.
const keyframeWeight = 5

// A layout is a format in bytes.
type layout struct {
	fps       int
	gop       int // frames
	audio     Bitrate
	video     Bitrate
	audioSize uint32
	interSize uint32
	keySize   uint32
}

func (f Format) layout() (l layout, err error) {
	if f.FPS == 0 {
		f.FPS = 30
	}
	if f.GOP == 0 {
		f.GOP = 2 * time.Second
	}
	if f.AudioBitrate == 0 {
		f.AudioBitrate = min(96_000, f.Bitrate/4)
	}
	if f.FPS < 1 || f.FPS > 1000 || f.GOP < 0 || f.GOP > time.Minute {
		return l, fmt.Errorf("%w: 1 to 1000 frames a second, and at most a minute from keyframe to keyframe", ErrOptions)
	}
	l = layout{fps: f.FPS, gop: max(int(f.GOP.Seconds()*float64(f.FPS)+0.5), 1), audio: f.AudioBitrate, video: f.Bitrate - f.AudioBitrate}
	audio := int64(f.AudioBitrate) * samplesPerFrame / sampleRate / 8
	all := int64(l.video) / 8 * int64(l.gop) / int64(l.fps)
	inter := all / int64(l.gop-1+keyframeWeight)
	key := all - inter*int64(l.gop-1)
	if audio < minAudioSize || inter < minVideoSize && l.gop > 1 || key < minKeySize {
		return l, fmt.Errorf("%w: %v is too little for %d frames a second and %v of audio", ErrOptions, f.Bitrate, f.FPS, f.AudioBitrate)
	}
	if key > maxMessage || audio > maxMessage {
		return l, fmt.Errorf("%w: %v makes keyframes of more than %d bytes", ErrOptions, f.Bitrate, maxMessage)
	}
	l.audioSize, l.interSize, l.keySize = uint32(audio), uint32(inter), uint32(key)
	return l, nil
}

// maxMessage is what servers take of one message, bytes.
const maxMessage = 8 << 20

// A timetable makes the messages of one stream, in the order in which they are due.
type timetable struct {
	layout
	run    uint32
	stream uint32
	videos uint32 // made so far
	audios uint32
}

// next tells what comes next, and how long after the stream's start: video before audio.
func (t *timetable) next() (kind byte, due time.Duration) {
	video := time.Duration(uint64(t.videos) * uint64(time.Second) / uint64(t.fps))
	audio := time.Duration(uint64(t.audios) * samplesPerFrame * uint64(time.Second) / sampleRate)
	if video <= audio {
		return kindVideo, video
	}
	return kindAudio, audio
}

// message makes the next message, stamped with the time. Its payload is appended to scratch.
func (t *timetable) message(scratch []byte, now int64) rtmp.Message {
	kind, due := t.next()
	s := stamp{kind: kind, run: t.run, stream: t.stream, sent: now}
	m := rtmp.Message{Type: rtmp.TypeVideo, Timestamp: uint32(due / time.Millisecond)}
	if kind == kindAudio {
		m.Type = rtmp.TypeAudio
		s.sequence, s.size = t.audios, t.audioSize
		t.audios++
	} else {
		s.sequence, s.gop, s.frame = t.videos, t.videos/uint32(t.gop), t.videos%uint32(t.gop)
		s.size = t.interSize
		if s.frame == 0 {
			s.size = t.keySize
		}
		t.videos++
	}
	m.Payload = appendMessage(scratch[:0], &s)
	return m
}

// opening is what comes before the first frame.
func (t *timetable) opening() ([]rtmp.Message, error) {
	data, err := metadata(t.fps, float64(t.video), float64(t.audio))
	if err != nil {
		return nil, err
	}
	return []rtmp.Message{
		{Type: rtmp.TypeData, Payload: data},
		{Type: rtmp.TypeVideo, Payload: videoHeader(t.fps)},
		{Type: rtmp.TypeAudio, Payload: audioHeader()},
	}, nil
}
