package fmp4

import (
	"bytes"

	"github.com/rtmp-edge/rtmp-edge/internal/codecs"
	"github.com/rtmp-edge/rtmp-edge/internal/flv"
)

// An input is the video or the audio of the FLV stream: its lowest track.
type input struct {
	video bool

	tracked bool
	track   uint8

	codec  string
	header []byte  // of the newest sequence header
	config *config // in force; nil when there is none, or it can't be written
	had    bool    // there was one before
	keyed  bool    // a frame came that decoding may start at, since the beginning, or since the configuration changed

	leftOut bool // a frame came that can't be written, because of its codec
}

// mine tells whether the body is of the track that is written.
func (in *input) mine(b *flv.Body) bool {
	if !in.tracked {
		in.tracked, in.track = true, b.Track
	}
	return b.Track == in.track
}

// configure takes a sequence header. Encoders repeat them; that is nothing.
func (in *input) configure(b *flv.Body) {
	if in.codec == b.Codec && in.header != nil && bytes.Equal(in.header, b.Data) {
		return
	}
	in.codec, in.header = b.Codec, b.Data
	in.set(in.parse(b))
}

// set puts a configuration in force. After another one, video goes on at a keyframe.
func (in *input) set(c *config) {
	if c == nil {
		in.config, in.keyed = nil, false
		return
	}
	if in.config.same(c) {
		return
	}
	if in.had { // for programs that look at initialization segments but once
		c.inband = c.parameterSets()
	}
	in.config, in.keyed, in.had = c, false, true
}

// parse is the configuration of a sequence header; nil when it can't be written, or keyframes have the rest of it.
func (in *input) parse(b *flv.Body) *config {
	if !in.video {
		a, err := codecs.ParseAudio(*b)
		if err != nil {
			return nil
		}
		c, _ := audioConfig(a)
		return c
	}
	v, err := codecs.ParseVideo(*b)
	if err != nil || v.Codec == "vp9" || v.Codec == "av1" && v.SequenceHeader == nil {
		return nil
	}
	c, _ := videoConfig(v)
	return c
}

// frame makes a frame of what a tag has. It fails if it can't be written; leftOut says that this is because of its codec.
func (in *input) frame(b *flv.Body, at int64) (f frame, leftOut, ok bool) {
	if in.codec != b.Codec {
		in.codec, in.header = b.Codec, nil
		in.set(nil)
	}
	key := b.Type == flv.Keyframe
	if !in.video || key {
		in.refine(b)
	}
	if in.config == nil {
		in.leftOut = true
		return f, true, false
	}
	f = frame{config: in.config, video: in.video, sync: !in.video || key, at: at, composition: believedComposition(b.Composition)}
	if in.video && !key && !in.keyed {
		return f, false, false
	}
	if f.data, ok = in.config.sampleData(b.Data, f.sync); !ok {
		return f, false, false
	}
	in.keyed = true
	if !in.video {
		f.samples = in.config.samples(f.data)
	}
	return f, false, true
}

// maxComposition is how much later than decoded a frame may be shown, in milliseconds.
const maxComposition = 10_000

// believedComposition is a composition time, or none where it is nonsense.
func believedComposition(ms int32) int32 {
	if ms < -maxComposition || ms > maxComposition {
		return 0
	}
	return ms
}
