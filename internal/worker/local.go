package worker

import (
	"context"
	"os"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// local is what this worker tells of itself.
type local struct{ w *Worker }

// Worker implements api.Local.
func (l local) Worker() api.WorkerInfo {
	w := l.w
	info := api.WorkerInfo{Worker: w.start.Worker, Slot: w.start.Slot, PID: os.Getpid(), Started: w.born, Restarts: w.start.Restarts}
	for _, s := range w.hub.Streams() {
		info.Players += s.Viewers
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	info.Sessions, info.Publishers = len(w.open), len(w.publishers)
	return info
}

// Streams implements api.Local.
func (l local) Streams() []api.LocalStream {
	out := []api.LocalStream{}
	for _, s := range l.w.hub.Streams() {
		if s.Feed != "" || s.Viewers > 0 { // else its last player has just left
			out = append(out, l.stream(&s))
		}
	}
	return out
}

var roles = map[string]api.Role{"publisher": api.RolePublisher, "relay": api.RoleRelay, "": api.RoleWaiting}

func (l local) stream(s *live.Info) api.LocalStream {
	app, name := names.Split(s.Key)
	out := api.LocalStream{
		App: app, Name: name, Role: roles[s.Feed], Players: s.Viewers, RelayPlayers: s.Relays, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		VideoCodec: s.Video, AudioCodec: s.Audio, Since: s.Since,
	}
	if e, ok, err := l.w.zone.Lookup(s.Key); err == nil && ok {
		out.Owner = e.Slot
	}
	if p := l.w.publication(s.Key); p != nil {
		out.Publisher = &api.PublisherInfo{Address: p.session.remote, Since: p.since, FlashVer: p.session.client}
	}
	return out
}

// Zone implements api.Local.
func (l local) Zone() (api.ZoneInfo, error) {
	s := l.w.zone.State()
	info := api.ZoneInfo{Buckets: s.Buckets, Capacity: s.Capacity, NameMax: s.NameMax, Live: s.Live}
	for _, slot := range s.Slots {
		info.Slots = append(info.Slots, api.ZoneSlot{Slot: slot.Slot, Epoch: int(slot.Epoch), Open: slot.Open, PID: slot.PID, Streams: slot.Live})
	}
	return info, nil
}

// KickPublisher implements api.Local.
func (l local) KickPublisher(app, name string) bool {
	p := l.w.publication(app + "/" + name)
	if p == nil {
		return false
	}
	go p.session.end(live.EndKicked) // a peer that doesn't read holds it up
	return true
}

// GiveUp implements api.Local.
func (l local) GiveUp(ctx context.Context, stream, publication string) bool {
	return l.w.giveUp(ctx, stream, publication)
}
