package fmp4

import "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

// tolerance is how far audio may be from its timestamps, in milliseconds. Within it, each frame follows the one before: timestamps of whole milliseconds,
// and those of encoders that stamp roughly, are not heard.
const tolerance = 60

// maxSilences is how many frames of silence there may be at once: half a minute. Each frame that comes allows for another one. So timestamps that jump all
// the time don't make more than was sent.
const maxSilences = 1500

// A track is one of the MP4: its timeline, and what of it is not written yet.
type track struct {
	id       int
	scale    int64
	usual    int64 // duration of the newest sample whose successor came in time
	interval int64 // from the newest sample but one to the newest

	silent        []byte // audio: a frame to put where some are missing; nil: none is known
	silentSamples int64
	silences      int64 // how many may be put there

	begun    bool
	finished bool  // there was a sample whose duration is known
	expected int64 // audio: where the next sample belongs

	// The newest sample is held back until the next one tells how long it is.
	holding bool
	held    sample
	heldAt  int64 // its timestamp

	base    int64 // time of the first of the samples to be written; they follow each other without a gap
	pending []*fmp4.Sample
	length  int64 // of those
	bytes   int
}

// ms is a time of the track in milliseconds.
func (t *track) ms(v int64) int64 { return v * 1000 / t.scale }

// next is where a frame belongs in the timeline, which never steps back. Audio follows the frame before, unless that is too far from what its
// timestamp says.
func (t *track) next(f *frame) int64 {
	at := f.at * t.scale / 1000
	if limit := tolerance * t.scale / 1000; !f.video && t.begun && at-t.expected <= limit && t.expected-at <= limit {
		at = t.expected
	}
	if t.begun {
		at = max(at, t.held.dts+1)
	}
	return at
}

// hold keeps a frame until its duration is known.
func (t *track) hold(f *frame) {
	dts := t.next(f)
	t.held = sample{dts: dts, sync: f.sync, data: f.data}
	if f.video {
		t.held.offset = int32(f.at + int64(f.composition) - dts)
	}
	t.begun, t.holding, t.heldAt, t.expected = true, true, f.at, dts+f.samples
	t.silences = min(t.silences+1, maxSilences)
}

// fillable tells whether silence can fill what is missing up to a time.
func (t *track) fillable(until int64) bool {
	return t.silent != nil && (until-t.held.dts)/t.silentSamples <= t.silences
}

// fill finishes the sample that was held, and appends silence up to a time.
func (t *track) fill(until int64) (n int) {
	for ; until-t.held.dts >= t.usual+t.silentSamples; n++ {
		next := sample{dts: t.held.dts + t.usual, sync: true, data: t.silent}
		t.finish(t.usual)
		t.held, t.usual = next, t.silentSamples
		t.silences--
	}
	t.finish(until - t.held.dts)
	return n
}

// finish appends the sample that was held to those to be written.
func (t *track) finish(duration int64) {
	if len(t.pending) == 0 {
		t.base = t.held.dts
	}
	t.pending = append(t.pending, &fmp4.Sample{
		Duration: uint32(duration), PTSOffset: t.held.offset, IsNonSyncSample: !t.held.sync, Payload: t.held.data,
	})
	t.length += duration
	t.bytes += len(t.held.data)
	t.held.data, t.holding, t.finished = nil, false, true
}

// take returns the samples to be written, as a part of a fragment.
func (t *track) take() *fmp4.PartTrack {
	p := &fmp4.PartTrack{ID: t.id, BaseTime: uint64(t.base), Samples: t.pending}
	t.pending, t.length, t.bytes = nil, 0, 0
	return p
}
