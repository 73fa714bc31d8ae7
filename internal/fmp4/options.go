package fmp4

import "time"

// Defaults of Options.
const (
	DefaultFragment = 200 * time.Millisecond
	DefaultWait     = 2 * time.Second
)

// Options of Remux. The zero value is good.
type Options struct {
	// Started is called once, before the first byte is written, with the MIME type: video/mp4; codecs="avc1.64001f,mp4a.40.2", or audio/mp4.
	Started func(mime string)
	// Fragment is how much media a fragment has at most. A keyframe begins a new one. 0: DefaultFragment.
	Fragment time.Duration
	// Wait is how much media may come before all tracks that are expected are there. 0: DefaultWait.
	Wait time.Duration
}

func (o Options) withDefaults() Options {
	if o.Started == nil {
		o.Started = func(string) {}
	}
	if o.Fragment <= 0 {
		o.Fragment = DefaultFragment
	}
	if o.Wait <= 0 {
		o.Wait = DefaultWait
	}
	return o
}

// Stats is what Remux did.
type Stats struct {
	Inits     int // initialization segments: one, and one more for each changed header
	Fragments int
	Frames    int // audio and video that was written
	Dropped   int // frames that were not: broken, or before the first keyframe
	LeftOut   int // frames of codecs that can't be written
	Silences  int // frames of silence in the place of audio that was missing
	Holes     int // gaps of more than a second that were left in the timeline
}
