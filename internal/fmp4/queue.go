package fmp4

import "slices"

// What is kept at most of a stream until it is known which tracks it has.
const (
	maxQueueBytes  = 4 << 20
	maxQueueFrames = 1 << 12
)

// A queue is what came before it is known which tracks there are.
type queue struct {
	frames []frame
	bytes  int
	waited int   // frames that came, whatever became of them
	since  int64 // timestamp of the first of those
}

// wait keeps a frame until all tracks are there that are expected, or it has been long enough. Frames that can't be written are not kept, but show
// how time goes.
func (r *remuxer) wait(f frame, ok bool) error {
	q := &r.queue
	now := r.clock.last
	if q.waited == 0 {
		q.since = now
	}
	q.waited++
	if ok {
		q.frames = append(q.frames, f)
		q.bytes += len(f.data)
	}
	full := now-q.since >= milliseconds(r.o.Wait) || q.waited >= maxQueueFrames || q.bytes >= maxQueueBytes
	if !full && !r.complete() {
		return nil
	}
	return r.begin()
}

// complete tells whether every track that is expected has a frame to begin with.
func (r *remuxer) complete() bool {
	return r.video.complete(r.flags&flagVideo != 0) && r.audio.complete(r.flags&flagAudio != 0) && (r.video.keyed || r.audio.keyed)
}

// complete tells whether it is known what becomes of the track.
func (in *input) complete(announced bool) bool {
	expected := announced || in.codec != ""
	return in.keyed || in.leftOut || !expected
}

// begin writes the beginning, and what was kept.
func (r *remuxer) begin() error {
	frames := r.queue.frames
	for i := range frames {
		written := &r.written.audio
		if frames[i].video {
			written = &r.written.video
		}
		if *written == nil {
			*written = frames[i].config
		}
	}
	w := &r.written
	if w.video == nil && w.audio == nil {
		return ErrNoTrack
	}
	r.begun = true
	r.queue.frames = nil
	r.o.Started(mimeType(w.video, w.audio))
	if err := r.mux.begin(w.video, w.audio); err != nil {
		return err
	}
	for i := range frames {
		if err := r.pass(&frames[i]); err != nil {
			return err
		}
	}
	return nil
}

// forget drops what was kept of video or audio: there is a lower track.
func (q *queue) forget(video bool) {
	q.frames = slices.DeleteFunc(q.frames, func(f frame) bool { return f.video == video })
	q.bytes = 0
	for _, f := range q.frames {
		q.bytes += len(f.data)
	}
}
