package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// local is what this worker tells of itself.
type local struct{ w *Worker }

// Worker implements api.Local.
func (l local) Worker() api.WorkerInfo {
	w := l.w
	info := api.WorkerInfo{
		Worker: w.start.Worker, Slot: w.start.Slot, PID: os.Getpid(), State: api.WorkerReady, Started: w.born, Restarts: w.start.Restarts,
		LogLevel: strings.ToLower(w.level.Level().String()), Load: w.load(),
	}
	for _, s := range w.hub.Streams() {
		info.Players += s.Viewers
		info.Load.BitrateIn += s.Rates.In()
		info.Load.BitrateOut += s.Rates.Out
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	info.Sessions, info.Publishers = len(w.open), len(w.publishers)
	switch {
	case w.ending:
		info.State = api.WorkerEnding
	case w.draining:
		info.State = api.WorkerDraining
	}
	return info
}

// Streams implements api.Local.
func (l local) Streams() []api.LocalStream {
	out := []api.LocalStream{}
	by := l.w.playersBy()
	for _, s := range l.w.hub.Streams() {
		if s.Feed != "" || s.Viewers > 0 { // else its last player has just left
			out = append(out, l.stream(&s, by[s.Key]))
		}
	}
	return out
}

// playersBy counts the viewers of each stream by protocol.
func (w *Worker) playersBy() map[string]map[string]int {
	by := map[string]map[string]int{}
	for _, m := range w.members() {
		c := m.base()
		c.mu.Lock()
		key, plays := c.stream, !c.private && (c.state == metrics.StatePlaying || c.state == metrics.StateWaiting)
		c.mu.Unlock()
		if !plays {
			continue
		}
		if by[key] == nil {
			by[key] = map[string]int{}
		}
		by[key][c.protocol]++
	}
	return by
}

// Sessions implements api.Local.
func (l local) Sessions() []api.Session {
	members := l.w.members()
	out := make([]api.Session, len(members))
	for i, m := range members {
		out[i] = l.w.describe(m)
	}
	return out
}

var roles = map[string]api.Role{"publisher": api.RolePublisher, "relay": api.RoleRelay, "": api.RoleWaiting}

func (l local) stream(s *live.Info, by map[string]int) api.LocalStream {
	app, name := names.Split(s.Key)
	out := api.LocalStream{
		App: app, Name: name, Role: roles[s.Feed], Players: s.Viewers, RelayPlayers: s.Relays, BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		VideoCodec: s.Video, AudioCodec: s.Audio, Since: s.Since, PlayersBy: by, BitrateIn: s.Rates.In(), BitrateOut: s.Rates.Out,
	}
	out.Video, out.Audio = videoInfo(s), audioInfo(s)
	if s.GOP.Frames > 0 {
		out.GOP = &api.GOPInfo{
			KeyframeInterval: s.GOP.Interval.Seconds(), Frames: s.GOP.Frames, Bytes: s.GOP.Bytes, Duration: s.GOP.Duration.Seconds(),
		}
	}
	if !s.LastFrame.IsZero() {
		j := s.Jumps
		out.Health = &api.HealthInfo{LastFrame: s.LastFrame, Timestamp: s.LastTimestamp, Forward: j.Forward, Backward: j.Backward, Small: j.Small}
	}
	if e, ok, err := l.w.zone.Lookup(s.Key); err == nil && ok {
		out.Owner = e.Slot
	}
	if p := l.w.publication(s.Key); p != nil {
		who := l.w.describe(p.session)
		out.Publisher = &api.PublisherInfo{Session: who.ID, Protocol: who.Protocol, Address: who.Address, Since: p.since, FlashVer: who.Client}
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
	go kick(p.session) // a peer that doesn't read holds it up
	return true
}

// KickPlayers implements api.Local.
func (l local) KickPlayers(app, name string) (kicked int) {
	for _, m := range l.w.members() {
		c := m.base()
		c.mu.Lock()
		plays := !c.private && c.stream == app+"/"+name && (c.state == metrics.StatePlaying || c.state == metrics.StateWaiting)
		c.mu.Unlock()
		if plays {
			kicked++
			go kick(m)
		}
	}
	return kicked
}

// KickSession implements api.Local.
func (l local) KickSession(id string) bool {
	for _, m := range l.w.members() {
		if m.base().id == id {
			go kick(m)
			return true
		}
	}
	return false
}

// Drain implements api.Local.
func (l local) Drain(on bool) error {
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.gates {
		if err := g.set(!on); err != nil {
			for _, g := range w.gates { // as it was
				err = errors.Join(err, g.set(!w.draining))
			}
			return err
		}
	}
	if w.draining != on {
		w.draining = on
		w.log.Info("draining", "on", on)
	}
	return nil
}

// LogLevel implements api.Local.
func (l local) LogLevel() slog.Level { return l.w.level.Level() }

// SetLogLevel implements api.Local.
func (l local) SetLogLevel(level slog.Level) { l.w.level.Set(level) }

// GiveUp implements api.Local.
func (l local) GiveUp(ctx context.Context, stream, publication string) bool {
	return l.w.giveUp(ctx, stream, publication)
}
