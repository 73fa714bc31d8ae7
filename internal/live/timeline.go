package live

// Bounds of what passes for the continuation of a publisher's timestamps, in milliseconds.
const (
	// resumeGap separates a new beginning from what players have: a few frames, so that audio and video which start a little apart don't step back.
	resumeGap = 100
	// maxAhead is how far timestamps may run ahead of the time that passed.
	maxAhead = 10_000
	// maxBehind is how far audio and video may be apart, and maxJoin how far when one of them begins.
	maxBehind, maxJoin = 30_000, 10_000
	// maxStepBack is how far timestamps of one kind may step back, to be levelled.
	maxStepBack = 1_000
	// maxArrears is how much of the time that passed may be caught up with later: a network that stalled, an encoder that dropped frames.
	maxArrears = 30_000
)

// timestampWrap is where the clock of many encoders wraps, whose FLV writers keep 31 bits.
const timestampWrap = 1 << 31

// A Discontinuity is what a publisher did to its timestamps. A closed set, fit for a metric's label.
type Discontinuity string

// The kinds of discontinuity.
const (
	DiscontinuityForward  Discontinuity = "forward"  // a jump ahead
	DiscontinuityBackward Discontinuity = "backward" // a jump back
	DiscontinuitySmall    Discontinuity = "small"    // a small step back within one kind, levelled
)

// A timeline gives messages the timestamps that players get: those of the publisher plus an offset, so that no kind ever steps back, whatever
// the publisher does, and across publications that players watch. All arithmetic on timestamps is modulo 2³².
//
// Each of audio and video has its offset. A message that does not continue its kind takes the other kind's offset, if that fits (both jumped,
// the other was first), else a new one, which lets it continue right behind the newest. So what is in sync stays in sync.
//
// It is a value: the state of a stream is copied to the next feed.
type timeline struct {
	relayed  bool // what comes went through a timeline already: nothing is a jump
	resent   bool // not all is as the publisher sent it
	floored  bool // the first frame is to go on at newest
	anchored bool // the first frame came
	begun    bool // newest is set
	newest   uint32
	arrived  int64 // when newest came, in milliseconds
	arrears  int64 // time that passed, and timestamps did not
	pace     [kinds]pace
}

// A pace is how one kind goes along the timeline.
type pace struct {
	begun   bool   // last is set
	framed  bool   // by a frame, not only by a header
	offset  uint32 // added to timestamps
	last    uint32 // as players got it
	lag     uint32 // how far last is above what the offset gave: that much was levelled
	arrived int64  // when the last frame came, in milliseconds
}

// next is the timeline of another publication, for players who watched this one.
func (t *timeline) next(relayed bool) timeline {
	floor := t.newest
	if d := t.pace[Data]; d.begun && (!t.begun || int32(d.last-floor) > 0) {
		floor = d.last
	}
	floor += resumeGap
	n := timeline{relayed: relayed, resent: true, floored: true, begun: true, newest: floor}
	for k := range n.pace {
		n.pace[k] = pace{begun: true, last: floor}
	}
	return n
}

// again is the timeline of the same publication, which players watched before it broke.
func (t *timeline) again(relayed bool) timeline {
	n := *t
	n.relayed, n.resent = relayed, true
	return n
}

// fed tells whether anything has been placed.
func (t *timeline) fed() bool { return t.begun || t.pace[Data].begun }

// resumable tells whether the same publication can be gone on with.
func (t *timeline) resumable() bool { return t.anchored || !t.floored }

// had tells whether players have the frame already, or a later one.
func (t *timeline) had(k Kind, timestamp uint32) bool {
	p := &t.pace[k]
	return p.framed && int32(timestamp+p.offset-(p.last-p.lag)) <= 0
}

// metadata returns the timestamp of metadata: its own, or, where timestamps are not the publisher's, none.
func (t *timeline) metadata(timestamp uint32) uint32 {
	if t.resent {
		return metadataTimestamp
	}
	return timestamp
}

// place returns the timestamp that a message gets which arrived at now (in milliseconds), and what it shows of the publisher's clock. Only
// media set offsets: encoders give headers, ends of sequences and data any timestamp, often 0.
func (t *timeline) place(k Kind, media bool, timestamp uint32, now int64) (uint32, Discontinuity) {
	switch {
	case t.anchored:
	case media:
		t.anchor(timestamp, now)
	case t.floored:
		return t.put(k, media, t.newest, now), ""
	case timestamp == 0 && !t.pace[k].begun: // of no time: the first frame may have any
		return 0, ""
	default:
		return t.put(k, media, timestamp, now), ""
	}
	switch {
	case t.relayed:
		return t.put(k, media, timestamp+t.pace[k].offset, now), ""
	case media:
		return t.frame(k, timestamp, now)
	default:
		return t.put(k, media, t.follow(k, timestamp, now), now), ""
	}
}

// anchor sets the offset by the first frame: none, unless players watched another publication.
func (t *timeline) anchor(timestamp uint32, now int64) {
	offset := uint32(0)
	switch {
	case t.floored:
		offset = t.newest - timestamp
	case !t.begun, int32(timestamp-t.newest) > 0: // however far ahead of a header
		t.newest = timestamp
	}
	for k := range t.pace {
		t.pace[k].offset = offset
	}
	t.anchored, t.begun, t.arrived = true, true, now
}

// frame places audio or video.
func (t *timeline) frame(k Kind, timestamp uint32, now int64) (uint32, Discontinuity) {
	p := &t.pace[k]
	before := *p
	var d Discontinuity
	if offset, ok := t.offset(k, timestamp, now); ok {
		t.shift(k, offset)
	} else {
		d = DiscontinuityBackward
		if int32(timestamp+p.offset-t.newest) > 0 {
			d = DiscontinuityForward
		}
		t.shift(k, t.newest+resumeGap-timestamp)
	}
	out := t.put(k, true, timestamp+p.offset, now)
	if before.framed && before.offset == p.offset && p.lag > before.lag {
		d = DiscontinuitySmall
	}
	return out, d
}

// offset finds the offset that lets a frame continue: its kind's, if it follows the frame before closely; else, of that and the other kind's, the
// one that puts it closer to the newest.
func (t *timeline) offset(k Kind, timestamp uint32, now int64) (offset uint32, ok bool) {
	p, other := &t.pace[k], t.pace[k.other()].offset
	own := p.offset
	ok = t.continues(k, timestamp+own, now)
	if ok && p.framed && timestamp+own-p.last <= maxStepBack {
		return own, true
	}
	if other != own && t.continues(k, timestamp+other, now) &&
		(!ok || distance(timestamp+other, t.newest) < distance(timestamp+own, t.newest)) {
		return other, true
	}
	if wrapped := own + timestampWrap; !ok && t.continues(k, timestamp+wrapped, now) {
		return wrapped, true
	}
	return own, ok
}

// continues tells whether a frame with that timestamp would continue its kind.
func (t *timeline) continues(k Kind, out uint32, now int64) bool {
	p := &t.pace[k]
	ahead := int64(int32(out - t.newest))
	switch {
	case ahead > maxAhead+t.arrears+now-t.arrived:
		return false
	case !p.framed:
		return ahead >= -maxJoin
	}
	bound := int64(maxStepBack)
	if t.pace[k.other()].lag > 0 { // it stepped back just before: by about as much
		bound += maxStepBack / 2
	}
	back := int64(int32(p.last - out))
	return ahead >= -maxBehind && back <= max(bound, min(int64(p.lag), maxJoin))
}

// shift sets the offset of a kind, and of the other if that has not begun.
func (t *timeline) shift(k Kind, offset uint32) {
	if t.pace[k].offset == offset {
		return
	}
	t.resent = true
	t.pace[k].offset = offset
	if other := &t.pace[k.other()]; !other.framed {
		other.offset = offset
	}
}

// follow finds the timestamp of what is no frame. A header goes with its kind, data with audio or video. Where that leads astray, as with a
// timestamp of 0, a header gets that of what was before it, so that it disturbs nothing, and data the newest.
func (t *timeline) follow(k Kind, timestamp uint32, now int64) uint32 {
	p := &t.pace[k]
	out := timestamp + p.offset
	if k == Data {
		out = timestamp + t.pace[Audio].offset
		if v := timestamp + t.pace[Video].offset; distance(v, t.newest) < distance(out, t.newest) {
			out = v
		}
	}
	switch {
	case k != Data && p.framed:
		if int64(int32(out-p.last)) > maxStepBack+now-p.arrived {
			return p.last
		}
	case int32(out-t.newest) < -maxJoin, int64(int32(out-t.newest)) > maxStepBack+now-t.arrived:
		return t.newest
	}
	return out
}

// put levels a timestamp and notes it.
func (t *timeline) put(k Kind, media bool, timestamp uint32, now int64) uint32 {
	p := &t.pace[k]
	out := timestamp
	if p.begun && int32(out-p.last) < 0 {
		out = p.last
	}
	switch {
	case media || k == Data:
		p.framed, p.lag = true, out-timestamp
	case p.begun: // a header: the next frame may be that far behind it
		p.lag += out - p.last
	}
	if media {
		p.arrived = now
	}
	p.begun, p.last = true, out
	if k != Data {
		t.advance(out, now)
	}
	return out
}

// advance notes the newest timestamp of audio and video.
func (t *timeline) advance(out uint32, now int64) {
	step := int64(int32(out - t.newest))
	if t.begun && step <= 0 {
		return
	}
	t.arrears = min(max(t.arrears+now-t.arrived-step, 0), maxArrears)
	t.begun, t.newest, t.arrived = true, out, now
}

// distance is how far apart two timestamps are.
func distance(a, b uint32) uint32 {
	d := int32(a - b)
	return uint32(max(d, -d))
}
