package live

import (
	"sync"
	"sync/atomic"
	"time"
)

// PlayOptions describe a player to its stream.
type PlayOptions struct {
	Sink     Sink
	StreamID uint32 // message stream id that the player gave to play; of RTMP only
	Format   Format
	// Relay marks the session of a sibling worker: no viewer, told at once when the publisher goes, and never a reason to pull the stream.
	Relay bool
	// Opening, if set, returns what a player of FLV gets before the file, when it is given its first packets.
	Opening func() []byte
	// Sent is told of every write, how many bytes the socket took. It should do no more than count.
	Sent func(bytes int)
	// Started is called once, when the player is given its first packets.
	Started func(wait time.Duration)
	// Farewell is called at most once, when the stream ends the player: it may pass its last words to Control. They are sent behind all that was in the
	// log by then; then Ended is called. A player of FLV that was given packets gets no words: its file just ends.
	Farewell func(EndReason)
	// Ended is called exactly once, when nothing is written any more. It must not block.
	Ended func(EndReason)
}

// A Player is a cursor on a stream, and the bytes begun but not yet taken by its socket.
type Player struct {
	opts PlayOptions

	// set by Hub.Play, with mu held: who may come before that needs mu to look
	stream *Stream
	sender *sender
	joined time.Time

	sent     atomic.Uint64
	frames   atomic.Uint64 // packets that it was given
	dropped  atomic.Uint64 // packets that it was too slow for
	position atomic.Uint64 // what cursor is, for those who only look; with started
	started  atomic.Bool   // since its first packet; for those who only look
	extended atomic.Bool   // has been given more time to wait
	leaving  atomic.Bool   // the session is gone: write no more
	asking   atomic.Bool   // something besides packets is to be done: see takeControl
	called   atomic.Bool   // it is among the sender's calling
	once     sync.Once     // for Ended

	mu        sync.Mutex
	control   [][]byte // goes between two packets
	waiting   int      // bytes in control
	finishing bool
	finished  bool        // what is in control are the last words
	bounded   bool        // the player gets nothing of the log from until on
	until     uint64      // with bounded, a position
	reason    EndReason   // with finishing
	timer     *time.Timer // of a player that waits for a publisher; nil for others

	// Owned by whoever flushes: the sender, or the goroutine that waits until the socket has room.
	group     *group   // of a player that the sender serves, with
	index     int      // its place there
	begun     packet   // whose end is behind the cursor: it comes before anything else
	hold      *segment // where it is; nil without such
	tags      tagging  // of a player of FLV
	must      [][]byte // decided to be sent, before further packets
	playing   bool     // cursor is set
	cursor    uint64   // position
	seq       uint64   // of the packet that comes next
	origin    uint64   // what seq was at the last jump
	earlier   uint64   // packets given before that
	floor     uint64   // don't start before
	flushed   uint64   // end of the log when the player had all it can get
	headers   *headers
	progress  time.Time // when a full socket last took something
	unackedAt int       // Unacknowledged at that time
	bound     bool      // bounded was seen, with
	end       uint64    // what until is
	last      bool      // finished was seen: farewell goes out behind end
	farewell  [][]byte
}

// NewPlayer returns a player for Hub.Play. Until then it takes control bytes, but writes nothing.
func NewPlayer(o PlayOptions) *Player {
	if o.Format == FormatFLV {
		o.StreamID = 0 // no player of FLV is taken for one that gets the log as it is
	}
	return &Player{opts: o}
}

// maxControl bounds the control bytes that wait for one player.
const maxControl = 64 << 10

// Control queues bytes (whole RTMP messages) to be sent between two packets. It never blocks, and keeps b.
func (p *Player) Control(b []byte) error {
	p.mu.Lock()
	if p.waiting+len(b) > maxControl {
		stream := p.stream
		p.mu.Unlock()
		if stream != nil {
			stream.hub.opts.Observer.Limit(LimitControl)
		}
		return ErrControlBacklog
	}
	p.control = append(p.control, b)
	p.waiting += len(b)
	p.mu.Unlock()
	p.ask()
	return nil
}

// ask has whoever flushes the player look at what is to be done besides packets, soon. Called without mu. It may meet Hub.Play: a sender that is told
// of the player behind this looks anyway.
func (p *Player) ask() {
	p.mu.Lock()
	p.asking.Store(true)
	sender := p.sender
	p.mu.Unlock()
	if sender != nil {
		sender.call(p)
	}
}

// Leave ends the player from the session's side: the peer is gone.
func (p *Player) Leave() {
	p.leaving.Store(true)
	p.stream.hub.leave(p)
	p.ended(EndGone)
	p.ask() // the sender drops it
}

// End ends the player for a reason of the caller's: it still gets what the log has by now, then the farewell.
func (p *Player) End(r EndReason) { p.finish(r) }

// Sent is how many bytes the player's socket took.
func (p *Player) Sent() uint64 { return p.sent.Load() }

// Frames is how many messages of the stream the player was given, and how many not, because it was too slow.
func (p *Player) Frames() (given, dropped uint64) { return p.frames.Load(), p.dropped.Load() }

// Timestamp is that of the newest message that the player was given; ok is false before the first. The player has been in Hub.Play.
func (p *Player) Timestamp() (ts uint32, ok bool) {
	if !p.started.Load() {
		return 0, false
	}
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	at := p.position.Load()
	v := view{log: s.log}
	switch {
	case len(v.packet) == 0:
		return s.meter.stamp, s.meter.framed
	case at <= v.oldest():
		return v.packet[0].timestamp, true
	}
	return v.packet[v.packetAt(at-1)].timestamp, true
}

// backlog is how many bytes the player is behind the end of the log.
func (p *Player) backlog(tail uint64) uint64 {
	if at := p.position.Load(); p.started.Load() && at < tail {
		return tail - at
	}
	return 0
}

// finish ends the player: it still gets what the log has by now, then the farewell. Called without locks.
func (p *Player) finish(r EndReason) {
	p.stream.mu.Lock()
	p.boundHere()
	p.stream.mu.Unlock()
	p.dismiss(r)
}

// boundHere sees to it that the player gets no packet that is not in the log yet. Called with stream.mu held.
func (p *Player) boundHere() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.bounded {
		p.bounded, p.until = true, p.stream.log.tail
		p.asking.Store(true)
	}
}

// dismiss says farewell to a bounded player, and ends it behind its bound. Called without locks.
func (p *Player) dismiss(r EndReason) {
	p.mu.Lock()
	again := p.finishing
	if !again {
		p.finishing, p.reason = true, r
	}
	p.stopTimer()
	p.mu.Unlock()
	if again {
		return
	}
	if p.opts.Farewell != nil {
		p.opts.Farewell(r)
	}
	p.mu.Lock()
	p.finished = true
	p.mu.Unlock()
	p.ask()
}

// stopTimer is called with mu held.
func (p *Player) stopTimer() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

func (p *Player) ended(r EndReason) {
	p.once.Do(func() {
		p.mu.Lock()
		p.stopTimer()
		p.mu.Unlock()
		if p.opts.Ended != nil {
			p.opts.Ended(r)
		}
	})
}

// takeControl moves the waiting control bytes to must; the last words wait until they are complete.
func (p *Player) takeControl() {
	if !p.asking.Swap(false) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bound, p.end = p.bounded, p.until
	switch {
	case p.last:
		return
	case p.finished:
		p.last = true
		if p.opts.Format == FormatRTMP || !p.started.Load() {
			p.farewell = p.control
		}
	case p.finishing:
		return
	default:
		p.must = append(p.must, p.control...)
	}
	p.control, p.waiting = nil, 0
}

// begin sets the cursor of a player that has none, if the stream has a place to start at.
func (p *Player) begin(v *view) {
	st, ok := v.startAt(p.floor)
	if !ok {
		return
	}
	p.playing = true
	if p.opts.Format == FormatFLV && !p.started.Load() {
		p.must = append(p.must, p.tagOpening(v)...)
	}
	p.jump(v, st)
	if p.started.CompareAndSwap(false, true) {
		p.mu.Lock()
		p.stopTimer()
		p.mu.Unlock()
		if p.opts.Started != nil {
			p.opts.Started(time.Since(p.joined))
		}
	}
}

// jump moves the cursor to a place to start at, with the headers in force there.
func (p *Player) jump(v *view, st start) {
	p.earlier += p.seq - p.origin
	p.cursor, p.seq, p.origin = st.at, st.seq, st.seq
	p.position.Store(p.cursor)
	if p.headers != st.headers {
		p.headers = st.headers
		at := func(k Kind) uint32 { return v.timestampAt(st.seq, k) }
		if p.opts.Format == FormatFLV {
			p.must = append(p.must, st.headers.tags(func(k Kind) uint32 { return p.tags.clock.at(at(k)) })...)
		} else {
			p.must = append(p.must, st.headers.prelude(at, p.opts.StreamID)...)
		}
	}
}

// catchUp moves a player that fell out of the log to the newest keyframe, or lets it wait for the next.
func (p *Player) catchUp(v *view) {
	from := p.seq
	st, ok := v.startAt(v.oldest())
	if !ok {
		st = start{seq: v.head()}
		p.playing, p.floor = false, v.tail
	} else {
		p.jump(v, st)
	}
	p.dropped.Add(st.seq - from)
	p.stream.hub.opts.Observer.Dropped(DropLag, int(st.seq-from))
}
