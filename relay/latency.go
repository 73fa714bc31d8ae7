package relay

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// pingEvery is how often a relay measures its latency.
const pingEvery = 5 * time.Second

// A pinger measures a relay's latency. It is the reading goroutine's.
type pinger struct {
	c      *rtmp.ClientConn
	number uint32 // of the newest ping, which its timestamp carries
	sent   time.Time
	waits  bool // for its answer
}

// newPinger tells latency of half of each round trip. It does nothing where nobody listens.
func newPinger(c *rtmp.ClientConn, latency func(time.Duration)) *pinger {
	if latency == nil {
		return &pinger{}
	}
	p := &pinger{c: c}
	c.OnPong(func(number uint32) {
		if p.waits && number == p.number {
			p.waits = false
			latency(time.Since(p.sent) / 2)
		}
	})
	return p
}

// ping sends a ping if it is time to.
func (p *pinger) ping() error {
	if p.c == nil || time.Since(p.sent) < pingEvery {
		return nil
	}
	p.number++
	p.sent, p.waits = time.Now(), true
	return p.c.Ping(p.number)
}

// A trail is how far a publication's media has come, over all pulls of it. One pull at a time has it.
type trail struct {
	newest  uint32 // timestamp of the newest media
	any     bool   // there was some
	resumed bool   // nothing has come since the pull came back
}

// resumes notes that a pull begins.
func (t *trail) resumes() { t.resumed = t.any }

// gap notes a message, and tells whether it is the first since the pull came back, and leaves something out: nothing comes again that there was.
func (t *trail) gap(m *rtmp.Message) bool {
	if m.Type != rtmp.TypeAudio && m.Type != rtmp.TypeVideo {
		return false
	}
	newer := !t.any || int32(m.Timestamp-t.newest) > 0
	gap := t.resumed && newer
	if newer {
		t.newest = m.Timestamp
	}
	t.any, t.resumed = true, false
	return gap
}
