package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Stream is one name of one worker: fed by the publisher or by a relay, or waited for.
type Stream struct {
	hub   *Hub
	key   string
	flush Flush

	number uint64 // of the streams that the hub ever had

	received, sent  atomic.Uint64
	ours, toViewers atomic.Uint64 // of these, from a publisher, and to players that are no relays
	end             atomic.Uint64 // position of the log's end

	mu       sync.Mutex
	log      log
	headers  *headers
	hasVideo bool // a video packet or header came since the feed attached
	timeline timeline
	meter    meter
	jumps    uint64 // in the timestamps of all publishers
	since    time.Time
	codecs   [kinds]string

	feed   *Feed
	epoch  int         // counts attached feeds
	lastID string      // of the newest feed, once it delivered a frame
	outage *time.Timer // ends the players if no feed comes

	players map[*Player]struct{}
	viewers int      // players that are no relays
	groups  []*group // of the senders that serve players

	// on demand
	demand context.CancelFunc // set while Options.Demand runs
	idle   *time.Timer        // cancels it, a while after the last viewer
}

// look returns a view.
func (s *Stream) look() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	return view{
		log: s.log, headers: s.headers, hasVideo: s.hasVideo, timeline: s.timeline,
		feeding: s.feed != nil && s.feed.delivered,
	}
}

// join adds a player. Called with hub.mu and mu held.
func (s *Stream) join(p *Player) {
	s.players[p] = struct{}{}
	if !s.hub.bounds.Load().GOPCache {
		p.floor = s.log.tail
	}
	if !p.opts.Relay {
		s.viewers++
		s.startDemand()
	}
	if s.feed == nil || !s.feed.delivered {
		s.expect(p, s.hub.bounds.Load().PlayWait)
	}
	p.sender.add(p)
}

// expect bounds how long a player waits for its first packet. When that time is over and the stream is published, perhaps by another worker
// that is just being asked for it, the player gets the stall timeout on top.
func (s *Stream) expect(p *Player, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopTimer()
	p.timer = time.AfterFunc(wait, func() {
		switch {
		case p.started.Load():
		case !p.extended.Swap(true) && s.published():
			s.expect(p, s.hub.bounds.Load().StallTimeout)
		default:
			p.finish(EndNotFound)
		}
	})
}

func (s *Stream) published() bool {
	s.mu.Lock()
	here := s.feed != nil
	s.mu.Unlock()
	return here || s.hub.opts.Published != nil && s.hub.opts.Published(s.key)
}

// startDemand has the stream pulled, if it isn't. Called with hub.mu and mu held.
func (s *Stream) startDemand() {
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	if s.demand != nil || s.hub.opts.Demand == nil || s.hub.closing {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.demand = cancel
	s.hub.wg.Go(func() {
		s.hub.opts.Demand(ctx, s)
		cancel()
		s.hub.demandEnded(s)
	})
}

// stopDemandSoon ends the pull a while after the last viewer left. Called with hub.mu and mu held.
func (s *Stream) stopDemandSoon() {
	if s.demand == nil || s.idle != nil {
		return
	}
	stop := s.demand
	if s.hub.closing || s.feed == nil {
		stop()
		return
	}
	s.idle = time.AfterFunc(s.hub.bounds.Load().Linger, stop)
}

// Key is the stream's name: app/name.
func (s *Stream) Key() string { return s.key }

// lost is called with mu held when the feed has gone: players get a while to see it come back. Relays are told at once, and why.
func (s *Stream) lost(within time.Duration, r EndReason) {
	epoch := s.epoch
	s.log.starts = nil // what comes next is another publication
	s.outage = time.AfterFunc(max(s.hub.bounds.Load().RepublishWait, within), func() { s.giveUp(epoch, false) })
	var relays []*Player
	for p := range s.players {
		if p.opts.Relay {
			p.boundHere() // what comes behind is of the next publication
			relays = append(relays, p)
		} else if !p.started.Load() {
			s.expect(p, max(s.hub.bounds.Load().PlayWait, within))
		}
	}
	if len(relays) == 0 {
		return
	}
	s.hub.wg.Go(func() { // a farewell is called without locks
		for _, p := range relays {
			p.dismiss(r)
		}
	})
}

// giveUp ends the players that saw the stream, if it has not come back since the feed of that epoch went. As in expect, they get more time if
// it is published by now, once.
func (s *Stream) giveUp(epoch int, extended bool) {
	published := !extended && s.published()
	s.mu.Lock()
	var over []*Player
	switch {
	case s.feed != nil || s.epoch != epoch:
	case published:
		s.outage = time.AfterFunc(s.hub.bounds.Load().StallTimeout, func() { s.giveUp(epoch, true) })
	default:
		for p := range s.players {
			if p.started.Load() {
				over = append(over, p)
			}
		}
	}
	s.mu.Unlock()
	for _, p := range over {
		p.finish(EndUnpublished)
	}
}

// Info is what can be told of a stream.
type Info struct {
	Key          string
	Feed         string    // "publisher", "relay", or "" while it is waited for
	FeedID       string    // names the publication
	WasFed       bool      // it has, or had, a feed
	Since        time.Time // when the feed attached
	Viewers      int
	Relays       int // players that are sibling workers
	BytesIn      uint64
	BytesOut     uint64
	Video, Audio string // codecs

	Number    uint64 // grows with each stream that comes: a name that the hub forgot and that comes again has another
	Published uint64 // of BytesIn, from publishers
	Viewed    uint64 // of BytesOut, to players that are no relays
	AllJumps  uint64 // of all publishers, together

	// The newest sequence headers of the lowest tracks, as the publisher sent them; nil without. Not to be changed.
	VideoHeader, AudioHeader []byte

	Rates         Rates
	LastFrame     time.Time // when the newest frame came; zero before
	LastTimestamp uint32    // its timestamp, as players get it
	AVSync        int32     // how far video is ahead of audio, in milliseconds; 0 unless there are both
	Jumps         Discontinuities
	GOP           GOP
	Backlog       uint64 // bytes of the log that players have not got yet, all together
}

// GOP is what a player that comes gets at once: what came since the newest keyframe.
type GOP struct {
	Interval time.Duration // between the last two keyframes; 0 before the second
	Frames   int           // messages
	Bytes    int
	Duration time.Duration
}

func (s *Stream) info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tell()
}

// tell is info with mu held.
func (s *Stream) tell() Info {
	i := Info{
		Number: s.number, WasFed: s.epoch > 0, Published: s.ours.Load(), Viewed: s.toViewers.Load(), AllJumps: s.jumps,
		Key: s.key, Viewers: s.viewers, Relays: len(s.players) - s.viewers,
		BytesIn: s.received.Load(), BytesOut: s.sent.Load(),
		Video: s.codecs[Video], Audio: s.codecs[Audio], Since: s.since,
		VideoHeader: s.headers.sequence(Video), AudioHeader: s.headers.sequence(Audio), GOP: s.gop(), Jumps: s.meter.jumps,
	}
	i.AVSync = s.avSync()
	now := s.hub.clock.now()
	i.Rates = s.meter.rates(now, i.BytesOut)
	if s.meter.framed {
		i.LastFrame, i.LastTimestamp = time.Now().Add(time.Duration(s.meter.newest-now)), s.meter.stamp
	}
	for p := range s.players {
		i.Backlog += p.backlog(s.log.tail)
	}
	if f := s.feed; f != nil {
		i.Feed, i.FeedID = "publisher", f.id
		if f.relay {
			i.Feed = "relay"
		}
	}
	return i
}

// gop describes the newest group of pictures. Called with mu held.
func (s *Stream) gop() GOP {
	g := GOP{Interval: s.meter.interval}
	if n := len(s.log.starts); n > 0 {
		st := s.log.starts[n-1]
		g.Frames, g.Bytes = int(s.log.head()-st.seq), int(s.log.tail-st.at)
		g.Duration = max(0, time.Duration(int32(s.meter.stamp-s.meter.key))*time.Millisecond)
	}
	return g
}

// avSync is how far video is ahead of audio, as players get them; 0 unless there are both. Called with mu held.
func (s *Stream) avSync() int32 {
	video, audio := &s.timeline.pace[Video], &s.timeline.pace[Audio]
	if !video.framed || !audio.framed {
		return 0
	}
	return int32(video.last - audio.last)
}
