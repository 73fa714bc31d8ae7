package api

import (
	"cmp"
	"slices"
	"time"
)

// A State says whether a stream is being published.
type State string

// The states.
const (
	StateLive    State = "live"    // it has a publisher
	StateWaiting State = "waiting" // players wait for one
)

// A Stream is what all workers together know of one stream.
type Stream struct {
	App        string         `json:"app"`
	Name       string         `json:"name"`
	State      State          `json:"state"`
	OwnerSlot  *int           `json:"owner_slot"` // null while waiting
	Since      *time.Time     `json:"since"`      // of the publish; null when the owner did not answer
	Publisher  *PublisherInfo `json:"publisher"`  // null while waiting, and when the owner did not answer
	Players    int            `json:"players"`    // viewers on all workers
	Relays     []int          `json:"relays"`     // workers that pull it from the owner
	BytesIn    *uint64        `json:"bytes_in"`   // from the publisher; null when the owner did not answer
	BytesOut   uint64         `json:"bytes_out"`  // to all players and relays
	VideoCodec string         `json:"video_codec,omitempty"`
	AudioCodec string         `json:"audio_codec,omitempty"`
	Workers    []StreamPart   `json:"workers"`
}

// A StreamPart is the part of one worker in a Stream.
type StreamPart struct {
	Worker       int       `json:"worker"`
	Slot         int       `json:"slot"`
	Role         Role      `json:"role"`
	Players      int       `json:"players"`
	RelayPlayers int       `json:"relay_players"`
	BytesIn      uint64    `json:"bytes_in"`
	BytesOut     uint64    `json:"bytes_out"`
	Since        time.Time `json:"since"`
}

// A merge is a Stream on its way, with the parts that decide about it.
type merge struct {
	Stream
	publisher *LocalStream // the newest, should snapshots of two moments show two
	relay     *LocalStream // one whose owner did not answer
}

// mergeStreams joins what the workers said by app and name, and sorts by them.
func mergeStreams(all []said[[]LocalStream]) []Stream {
	type key struct{ app, name string }
	answered := make(map[int]bool, len(all)) // by slot
	for _, s := range all {
		answered[s.slot] = true
	}
	merged := make(map[key]*merge)
	for _, s := range all {
		for i := range s.data {
			l := &s.data[i]
			k := key{l.App, l.Name}
			m := merged[k]
			if m == nil {
				m = &merge{Stream: Stream{App: l.App, Name: l.Name, Relays: []int{}}}
				merged[k] = m
			}
			m.add(s.worker, s.slot, l, answered[l.Owner])
		}
	}
	out := make([]Stream, 0, len(merged))
	for _, m := range merged {
		out = append(out, m.finish())
	}
	slices.SortFunc(out, func(a, b Stream) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (m *merge) add(worker, slot int, l *LocalStream, ownerAnswered bool) {
	m.Players += l.Players
	m.BytesOut += l.BytesOut
	m.VideoCodec = cmp.Or(m.VideoCodec, l.VideoCodec)
	m.AudioCodec = cmp.Or(m.AudioCodec, l.AudioCodec)
	m.Workers = append(m.Workers, StreamPart{
		Worker: worker, Slot: slot, Role: l.Role, Players: l.Players, RelayPlayers: l.RelayPlayers,
		BytesIn: l.BytesIn, BytesOut: l.BytesOut, Since: l.Since,
	})
	switch l.Role {
	case RolePublisher:
		if m.publisher == nil || l.Since.After(m.publisher.Since) {
			m.publisher = l
		}
	case RoleRelay:
		m.Relays = append(m.Relays, worker)
		if !ownerAnswered {
			m.relay = l
		}
	case RoleWaiting:
	}
}

// finish decides about the state. A relay alone shows that a stream is live only when its owner could not be asked: an
// owner that answered without naming the stream has ended it.
func (m *merge) finish() Stream {
	s := &m.Stream
	switch {
	case m.publisher != nil:
		p := m.publisher
		s.State, s.OwnerSlot, s.Publisher, s.BytesIn, s.Since = StateLive, &p.Owner, p.Publisher, &p.BytesIn, &p.Since
		s.VideoCodec = cmp.Or(p.VideoCodec, s.VideoCodec)
		s.AudioCodec = cmp.Or(p.AudioCodec, s.AudioCodec)
	case m.relay != nil:
		s.State, s.OwnerSlot = StateLive, &m.relay.Owner
	default:
		s.State = StateWaiting
	}
	return *s
}
