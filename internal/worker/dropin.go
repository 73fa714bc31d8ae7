package worker

import (
	"maps"
	"net/url"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Clients implements api.DropIn.
func (l local) Clients() []api.Client {
	w := l.w
	streams := map[string]*live.Info{}
	all := w.hub.Streams()
	for i := range all {
		streams[all[i].Key] = &all[i]
	}
	out := w.publisherClients(streams)
	for _, m := range w.members() {
		s := w.describe(m)
		if m.base().private || s.State != metrics.StatePlaying && s.State != metrics.StateWaiting {
			continue
		}
		c := client(m, &s, streams[s.App+"/"+s.Name])
		c.Active = s.State == metrics.StatePlaying
		if p := m.base().player.Load(); p != nil {
			c.Timestamp, _ = p.Timestamp()
		}
		out = append(out, c)
	}
	return out
}

func (w *Worker) publisherClients(streams map[string]*live.Info) []api.Client {
	w.mu.Lock()
	publications := slices.Collect(maps.Values(w.publishers))
	w.mu.Unlock()
	out := []api.Client{}
	for _, p := range publications {
		s := w.describe(p.session)
		s.App, s.Name = names.Split(p.key)
		i := streams[p.key]
		c := client(p.session, &s, i)
		c.Publishes = true
		if i != nil {
			c.Active, c.Timestamp = !i.LastFrame.IsZero(), i.LastTimestamp
		}
		out = append(out, c)
	}
	return out
}

// client is what publishers and players have in common.
func client(m member, s *api.Session, i *live.Info) api.Client {
	c := api.Client{
		Session: s.ID, Protocol: s.Protocol, Address: s.Address, FlashVer: s.Client, App: s.App, Name: s.Name, Since: s.Since, Dropped: s.Dropped,
	}
	if i != nil {
		c.AVSync = i.AVSync
	}
	if s, ok := m.(*session); ok {
		if page := s.page.Load(); page != nil {
			c.PageURL, c.SWFURL = page.page, page.swf
		}
	}
	return c
}

// A page is where a Flash client says that it comes from.
type page struct{ page, swf string }

// notePage keeps what a client says of itself besides its name, if it does.
func (s *session) notePage(r *rtmp.ConnectRequest) {
	var p page
	for key, to := range map[string]*string{"pageUrl": &p.page, "swfUrl": &p.swf} {
		text, _ := r.Properties.String(key)
		*to = plainURL(text)
	}
	if p != (page{}) {
		s.page.Store(&p)
	}
}

// plainURL is a URL without what may be secret in it; "" if it is none.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return names.Printable(u.String(), maxClient)
}

// Totals implements api.DropIn.
func (l local) Totals() api.Totals {
	w := l.w
	t := api.Totals{
		Server: os.Getppid(), Accepted: w.accepted.Load(),
		BytesIn: sum(w.metrics.receivedBy.all()), BytesOut: sum(w.metrics.sentBy.all()),
	}
	for _, a := range w.cfg().Apps {
		if a.Name != config.AnyApp {
			t.Apps = append(t.Apps, a.Name)
		}
	}
	t.Streams = w.outgoing.sums(func() map[string]uint64 {
		now := map[string]uint64{}
		for _, i := range w.hub.Streams() {
			now[i.Key] += i.Viewed
		}
		return now
	})
	return t
}

// sum adds counters up, but for those of siblings' relays.
func sum(by map[[2]string]prometheus.Counter) uint64 {
	var total float64
	for key, c := range by {
		if key[1] == metrics.RoleRelay {
			continue
		}
		var m dto.Metric
		if c.Write(&m) == nil {
			total += m.GetCounter().GetValue()
		}
	}
	return uint64(total)
}

// KickClients implements api.DropIn.
func (l local) KickClients(clients []api.Client) (kicked int) {
	ids := make(map[string]struct{}, len(clients))
	for i := range clients {
		ids[clients[i].Session] = struct{}{}
	}
	for _, m := range l.w.members() {
		if _, meant := ids[m.base().id]; meant {
			kicked++
			go kick(m)
		}
	}
	return kicked
}
