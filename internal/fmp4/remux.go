package fmp4

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
)

// Remux reads a live FLV stream until it ends, as players of internal/live get it (metadata, sequence headers, then from a keyframe on), and writes it
// as a live fragmented MP4: one Write for each initialization segment, and one for each fragment. It returns nil when the stream ends behind a
// tag, io.ErrUnexpectedEOF when it ends elsewhere, and else what ended it: an error of src or dst, or one of this package.
func Remux(dst io.Writer, src io.Reader, o Options) (Stats, error) {
	r := newRemuxer(dst, o)
	err := r.run(newFLVReader(src))
	return r.stats, err
}

type remuxer struct {
	o     Options
	stats Stats
	mux   muxer
	clock clock

	flags        byte // of the file: what it may have
	video, audio input

	begun bool
	queue queue // until then

	written struct{ video, audio *config } // what the newest initialization segment says
}

func newRemuxer(dst io.Writer, o Options) *remuxer {
	r := &remuxer{o: o.withDefaults(), video: input{video: true}}
	r.mux = muxer{dst: dst, fragment: milliseconds(r.o.Fragment), stats: &r.stats}
	return r
}

func (r *remuxer) run(src *flvReader) (err error) {
	if r.flags, err = src.header(); err != nil {
		return err
	}
	for {
		t, err := src.next()
		if err != nil {
			return r.finish(err)
		}
		if err := r.tag(t); err != nil {
			return err
		}
	}
}

// finish writes what there is when the source has ended.
func (r *remuxer) finish(cause error) error {
	if errors.Is(cause, io.EOF) {
		cause = nil
	}
	if !r.begun {
		if r.queue.waited == 0 { // no frame at all, so nothing is known of the codecs
			return fmt.Errorf("reading FLV: %w", cmp.Or(cause, io.ErrUnexpectedEOF))
		}
		if err := r.begin(); err != nil {
			return err
		}
	}
	if err := r.mux.end(); err != nil {
		return err
	}
	if cause != nil {
		return fmt.Errorf("reading FLV: %w", cause)
	}
	return nil
}

// tag takes a tag of audio or video.
func (r *remuxer) tag(t tag) error {
	in, parse := &r.audio, flv.AudioBody
	if t.video {
		in, parse = &r.video, flv.VideoBody
	}
	b, ok := parse(t.payload)
	if !ok {
		return nil
	}
	if !r.begun && in.tracked && b.Track < in.track { // the lowest track is the one to write
		*in = input{video: t.video}
		r.queue.forget(t.video)
	}
	if !in.mine(&b) {
		return nil
	}
	switch {
	case b.Type == flv.SequenceHeader:
		in.configure(&b)
		return nil
	case !b.Type.Media():
		return nil
	}
	f, leftOut, ok := in.frame(&b, r.clock.at(t.timestamp))
	switch {
	case leftOut:
		r.stats.LeftOut++
	case !ok:
		r.stats.Dropped++
	}
	if !r.begun {
		return r.wait(f, ok)
	}
	if !ok {
		return nil
	}
	return r.pass(&f)
}

// pass writes a frame of a stream that has begun.
func (r *remuxer) pass(f *frame) error {
	written, other, newest := &r.written.audio, &r.written.video, r.video.config
	if f.video {
		written, other, newest = other, written, r.audio.config
	}
	was := *written
	if was == nil || was.name != f.config.name {
		return fmt.Errorf("%s: %w", f.config.name, ErrChanged)
	}
	*written = f.config
	changed := f.config != was && !f.config.same(was)
	// Behind an initialization segment, browsers wait for a keyframe. So new audio goes with the keyframe at which a new publisher begins.
	both := (changed || f.video && f.sync) && *other != nil && newest != nil && newest.name == (*other).name && !newest.same(*other)
	if both {
		*other = newest
	}
	if changed || both {
		if err := r.mux.renew(f, r.written.video, r.written.audio, both); err != nil {
			return err
		}
	}
	return r.mux.push(f)
}
