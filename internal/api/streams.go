package api

import (
	"cmp"
	"math"
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
	App         string         `json:"app"`
	Name        string         `json:"name"`
	State       State          `json:"state"`
	OwnerSlot   *int           `json:"owner_slot"`   // null while waiting
	OwnerWorker *int           `json:"owner_worker"` // null while waiting, and when the owner did not answer
	Since       *time.Time     `json:"since"`        // of the publish; null likewise
	Uptime      *float64       `json:"uptime"`       // seconds since then; null likewise
	Publisher   *PublisherInfo `json:"publisher"`    // null likewise
	Players     int            `json:"players"`      // viewers on all workers
	PlayersBy   map[string]int `json:"players_by"`   // the same by protocol
	Relays      []int          `json:"relays"`       // workers that pull it from the owner
	BytesIn     *uint64        `json:"bytes_in"`     // from the publisher; null when the owner did not answer
	BytesOut    uint64         `json:"bytes_out"`    // to all players and relays
	BitrateOut  float64        `json:"bitrate_out"`  // bits a second, likewise
	VideoCodec  string         `json:"video_codec,omitempty"`
	AudioCodec  string         `json:"audio_codec,omitempty"`
	Media       *StreamMedia   `json:"media"` // null while waiting
	Workers     []StreamPart   `json:"workers"`
}

// StreamMedia is what a stream carries, as one worker sees it: the owner, or a worker that relays it when the owner did not answer.
type StreamMedia struct {
	Worker    int         `json:"worker"` // whose view this is
	Role      Role        `json:"role"`   // its part in the stream: publisher or relay
	BitrateIn float64     `json:"bitrate_in"`
	Video     *VideoInfo  `json:"video"`  // null without video
	Audio     *AudioInfo  `json:"audio"`  // null without audio
	GOP       *GOPInfo    `json:"gop"`    // null before the first keyframe
	Health    *HealthInfo `json:"health"` // null before the first frame
}

// A StreamPart is the part of one worker in a Stream.
type StreamPart struct {
	Worker       int            `json:"worker"`
	Slot         int            `json:"slot"`
	Role         Role           `json:"role"`
	Players      int            `json:"players"`
	PlayersBy    map[string]int `json:"players_by"`
	RelayPlayers int            `json:"relay_players"`
	BytesIn      uint64         `json:"bytes_in"`
	BytesOut     uint64         `json:"bytes_out"`
	BitrateOut   float64        `json:"bitrate_out"`
	Since        time.Time      `json:"since"`
}

// A feed is where a worker has a stream from.
type feed struct {
	*LocalStream
	worker int
}

// A merge is a Stream on its way, with the parts that decide about it.
type merge struct {
	Stream
	publisher *feed // the newest, should snapshots of two moments show two
	relay     *feed // one whose owner did not answer
}

// mergeStreams joins what the workers said by app and name, and sorts by them.
func mergeStreams(all []said[[]LocalStream]) []Stream {
	answered := make(map[int]bool, len(all)) // by slot
	for _, s := range all {
		answered[s.slot] = true
	}
	merged := make(map[streamKey]*merge)
	for _, s := range all {
		for i := range s.data {
			l := &s.data[i]
			k := keyOf(l)
			m := merged[k]
			if m == nil {
				m = &merge{Stream: Stream{App: l.App, Name: l.Name, Relays: []int{}, PlayersBy: map[string]int{}}}
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
	part := StreamPart{
		Worker: worker, Slot: slot, Role: l.Role, Players: l.Players, PlayersBy: map[string]int{}, RelayPlayers: l.RelayPlayers,
		BytesIn: l.BytesIn, BytesOut: l.BytesOut, BitrateOut: l.BitrateOut, Since: l.Since,
	}
	for protocol, n := range l.PlayersBy {
		part.PlayersBy[protocol] = n
		m.PlayersBy[protocol] += n
	}
	m.Workers = append(m.Workers, part)
	m.Players += l.Players
	m.BytesOut += l.BytesOut
	m.BitrateOut += l.BitrateOut
	m.VideoCodec = cmp.Or(m.VideoCodec, l.VideoCodec)
	m.AudioCodec = cmp.Or(m.AudioCodec, l.AudioCodec)
	switch l.Role {
	case RolePublisher:
		if m.publisher == nil || l.Since.After(m.publisher.Since) {
			m.publisher = &feed{l, worker}
		}
	case RoleRelay:
		m.Relays = append(m.Relays, worker)
		if !ownerAnswered {
			m.relay = &feed{l, worker}
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
		s.State, s.OwnerSlot, s.OwnerWorker, s.Publisher, s.BytesIn, s.Since = StateLive, &p.Owner, &p.worker, p.Publisher, &p.BytesIn, &p.Since
		s.Uptime = new(secondsSince(p.Since))
		s.VideoCodec = cmp.Or(p.VideoCodec, s.VideoCodec)
		s.AudioCodec = cmp.Or(p.AudioCodec, s.AudioCodec)
		s.Media = p.media()
	case m.relay != nil:
		s.State, s.OwnerSlot = StateLive, &m.relay.Owner
		s.Media = m.relay.media()
	default:
		s.State = StateWaiting
	}
	return *s
}

func (f *feed) media() *StreamMedia {
	return &StreamMedia{
		Worker: f.worker, Role: f.Role, BitrateIn: f.BitrateIn, Video: f.Video, Audio: f.Audio, GOP: f.GOP, Health: f.Health,
	}
}

// secondsSince rounds to milliseconds. The clock may have been set back.
func secondsSince(t time.Time) float64 {
	return math.Max(0, time.Since(t).Round(time.Millisecond).Seconds())
}
