package live

import "github.com/rtmp-edge/rtmp-edge/internal/flv"

// A Format is how a player gets packets.
type Format uint8

// The formats.
const (
	FormatRTMP Format = iota // in chunks, as they are in the log
	FormatFLV                // as the tags of an FLV file without an end, with the payloads that are in the log
)

// A tagging is what a player of FLV has beside its cursor, which stands at the start of a packet. What it gets between payloads is made anew at
// every flush, so it must come out the same.
type tagging struct {
	had   int    // bytes of the begun packet's tag that it has
	stamp uint32 // timestamp of that
	clock tagClock
}

// A tagClock gives the tags of a player their timestamps: those of the log, less that of the player's first frame. So they are as monotonic.
type tagClock struct {
	begun   bool
	first   uint64 // position of the first frame
	origin  uint32 // timestamp that is 0
	settled bool   // a timestamp below origin is one that wrapped
}

// settleTime is how far timestamps go until there is no packet any more whose timestamp is below that of the first, in milliseconds: 12 days.
const settleTime = 1 << 30

// look gets the clock on: with the first frame, if it is among the packets from i on.
func (c *tagClock) look(v *view, i int) {
	if c.begun {
		c.settled = c.settled || int32(v.packet[i].timestamp-c.origin) >= settleTime
		return
	}
	first := v.nextFrame(i, Audio, Video)
	if first == nil {
		return
	}
	c.begun, c.first, c.origin = true, first.at, first.timestamp
	// Audio and video are not sorted by time: whichever begins before the other is at 0.
	if other := v.nextFrame(i, first.kind.other()); other != nil && int32(other.timestamp-c.origin) < 0 {
		c.origin = other.timestamp
	}
}

// nextFrame returns the first frame of one of some kinds among the packets from i on; nil without any.
func (v *view) nextFrame(i int, kinds ...Kind) *packet {
	for ; i < len(v.packet); i++ {
		p := &v.packet[i]
		for _, k := range kinds {
			if p.kind == k && p.frame(v.segments[v.segmentAt(p.at)]) {
				return p
			}
		}
	}
	return nil
}

// frame tells whether a packet of audio or video is media.
func (p *packet) frame(s *segment) bool {
	if p.kind == Audio {
		return flv.ParseAudio(p.payloadHead(s)).Type.Media()
	}
	return flv.ParseVideo(p.payloadHead(s)).Type.Media()
}

// at returns the player's timestamp for one of the log. What is a little older than the first frame is at 0, too.
func (c *tagClock) at(timestamp uint32) uint32 {
	if since := timestamp - c.origin; c.begun && (c.settled || int32(since) >= 0) {
		return since
	}
	return 0
}

// of returns the timestamp of a packet's tag. Metadata has none.
func (c *tagClock) of(p *packet, s *segment) uint32 {
	switch {
	case p.at < c.first, p.kind == Data && flv.IsMetadata(p.payloadHead(s)):
		return metadataTimestamp
	default:
		return c.at(p.timestamp)
	}
}

// tagOpening is what is before the first tag: what the player's options say, then the header of the file. Its flags tell what the stream has;
// both, where nothing is known yet.
func (p *Player) tagOpening(v *view) [][]byte {
	var flags byte
	if v.hasVideo {
		flags |= flvVideo
	}
	if v.timeline.pace[Audio].framed || len(v.headers.kept[Audio]) > 0 {
		flags |= flvAudio
	}
	if flags == 0 {
		flags = flvVideo | flvAudio
	}
	var out [][]byte
	if p.opts.Opening != nil {
		out = append(out, p.opts.Opening())
	}
	return append(out, flvHeader(flags))
}

// passBegunTag is passBegun of a player of FLV.
func (p *Player) passBegunTag(n int) (rest int) {
	left := p.begun.tagSize() - p.tags.had
	if n < left {
		p.tags.had += n
		return 0
	}
	p.cursor = p.begun.end()
	p.hold = nil
	return n - left
}

// passTags moves the cursor on by n bytes of tags.
func (p *Player) passTags(v *view, n int) {
	i := v.packetAt(p.cursor)
	for ; n > 0 && n >= v.packet[i].tagSize(); i++ {
		n -= v.packet[i].tagSize()
		p.cursor = v.packet[i].end()
	}
	p.seq = v.base + uint64(i)
	if n > 0 {
		p.seq++
		p.begun = v.packet[i]
		p.hold = v.segments[v.segmentAt(p.cursor)]
		p.tags.had, p.tags.stamp = n, p.tags.clock.of(&p.begun, p.hold)
	}
}
