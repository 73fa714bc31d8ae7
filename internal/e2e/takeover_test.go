package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

const takeoverApps = `{name: "*", on_conflict: takeover}`

// everyPair are workers in an order in which each is once followed by each other, and by itself.
var everyPair = []int{0, 0, 1, 0, 2, 0, 3, 1, 1, 2, 1, 3, 2, 2, 3, 3, 0}

// Publishers take a stream over from each other, from every worker to every other and within each. Players on all workers stay through all of it, also
// where none may wait for a publisher to come back, and see each publisher from its first keyframe on.
func TestTakeoverEveryPair(t *testing.T) {
	t.Parallel()
	for _, wait := range []string{"0s", "10s"} {
		t.Run("republish_wait "+wait, func(t *testing.T) {
			t.Parallel()
			start(t, options{apps: takeoverApps, live: "republish_wait: " + wait}).everyPair(t)
		})
	}
}

func (s *server) everyPair(t *testing.T) {
	const stream = "live/again"
	var viewers []*player
	for _, place := range everywhere(s) {
		viewers = append(viewers, play(t, s.rtmpURL(place, stream)))
	}
	owners := s.watchOwner(t, stream)
	var publishers []*publisher
	var order []uint32
	for _, worker := range everyPair {
		p, _ := s.goLive(t, worker, stream)
		publishers, order = append(publishers, p), append(order, p.source.run)
		owners.expect(p)
		for _, v := range viewers {
			v.await(soon, fmt.Sprintf("run %d for some frames", p.source.run), func(got seen) string {
				if got.messages > 0 && got.last.run == p.source.run && got.last.number >= 10 {
					return ""
				}
				return fmt.Sprintf("run %d, number %d", got.last.run, got.last.number)
			})
		}
	}
	owners.stop()
	for _, p := range publishers[:len(publishers)-1] {
		p.mustBeTakenOver(s)
	}
	for _, v := range viewers {
		v.check()
		if got, _ := v.seen(); !slices.Equal(got.runs, order) {
			t.Errorf("%s saw %v instead of %v", v.name, got.runs, order)
		}
	}
	takeovers := float64(len(everyPair) - 1)
	if ok, all := s.metric(t, "rtmpedge_takeovers_total", "result", "ok"), s.metric(t, "rtmpedge_takeovers_total"); ok != takeovers || all != takeovers {
		t.Errorf("%v takeovers are counted, %v of them ok, after %v", all, ok, takeovers)
	}
	if got := s.metric(t, "rtmpedge_connections_closed_total", "reason", "taken_over"); got != takeovers {
		t.Errorf("%v connections are counted that were closed for another's sake", got)
	}
}

// mustBeTakenOver waits until the publisher has ended for another's sake, and was told so.
func (p *publisher) mustBeTakenOver(s *server) {
	p.t.Helper()
	if codes := p.told(soon); !slices.Contains(codes, rtmp.CodeUnpublishSuccess) {
		p.t.Errorf("the old publisher was told %v, not %s", codes, rtmp.CodeUnpublishSuccess)
	}
	line := s.endOf(p.t, p.conn.NetConn().LocalAddr().String())
	if !containsAll(line, "reason=taken_over", "role=publisher") {
		p.t.Errorf("logged of the old publisher: %s", line)
	}
}

// An ownerWatch looks at a stream's owner all the time. Owners follow each other in the order in which they are expected, and the zone never holds
// more streams than one.
type ownerWatch struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	order  map[string]int // of publishers' addresses
	looked int
	failed string
	newest int
}

// watchOwner starts to watch the only stream of a server.
func (s *server) watchOwner(t testing.TB, stream string) *ownerWatch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &ownerWatch{cancel: cancel, done: make(chan struct{}), order: map[string]int{}}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(pollInterval / 4)
		defer tick.Stop()
		for ; ctx.Err() == nil; <-tick.C {
			w.look(s, stream)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-w.done
		switch {
		case w.failed != "":
			t.Error(w.failed)
		case !t.Failed() && w.looked < 10:
			t.Errorf("looked at the owner only %d times", w.looked)
		}
	})
	return w
}

// expect says that a publisher has the stream, after those that were expected before.
func (w *ownerWatch) expect(p *publisher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order[p.conn.NetConn().LocalAddr().String()] = len(w.order) + 1
}

func (w *ownerWatch) stop() {
	w.cancel()
	<-w.done
}

// look takes one look. A publisher may have the stream a moment before it is expected.
func (w *ownerWatch) look(s *server, stream string) {
	var zone zoneAnswer
	err := s.get(shared, "/api/v1/zone", &zone)
	info, found, streamErr := s.stream(shared, stream)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked++
	switch {
	case w.failed != "":
	case err != nil || streamErr != nil:
		w.failed = fmt.Sprintf("look at the owner: %v, %v", err, streamErr)
	case zone.Zone.Live > 1:
		w.failed = fmt.Sprintf("%d publications of one stream: %+v", zone.Zone.Live, zone.Zone)
	case !found || info.Publisher == nil:
	case w.order[info.Publisher.Address] == 0:
	case w.order[info.Publisher.Address] < w.newest:
		w.failed = fmt.Sprintf("publisher %d had the stream after publisher %d", w.order[info.Publisher.Address], w.newest)
	default:
		w.newest = w.order[info.Publisher.Address]
	}
}

// Only the apps that say so let a publisher take the place of another.
func TestTakeoverOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, apps         string
		takeover, rejected []string
	}{
		{"all but one", `{name: "*", on_conflict: takeover}, {name: strict, on_conflict: reject}`, []string{"live/x", "any/deeper/x"}, []string{"strict/x"}},
		{
			"one", `{name: open, on_conflict: takeover}, {name: strict}`,
			[]string{"open/x", "open/instance/x"},
			[]string{"strict/x", "live/x", "strict/instance/x", "opener/x"},
		},
		{"none", "", nil, []string{"live/x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{workers: 2, apps: tt.apps})
			for _, stream := range tt.takeover {
				old := publish(t, s.rtmpURL(0, stream))
				publish(t, s.rtmpURL(1, stream))
				old.mustBeTakenOver(s)
			}
			for i, stream := range tt.rejected {
				old, sending := s.goLive(t, 0, stream)
				for worker := range s.opt.workers {
					if _, err := dialPublish(t, s.rtmpURL(worker, stream)); statusCode(err) != rtmp.CodePublishBadName {
						t.Errorf("%s: a second publisher on worker %d: %v instead of %s", stream, worker, err, rtmp.CodePublishBadName)
					}
				}
				if got := s.metric(t, "rtmpedge_publishes_total", "result", "taken"); int(got) != (i+1)*s.opt.workers {
					t.Errorf("%v refusals counted after %d", got, (i+1)*s.opt.workers)
				}
				if err := sending.stop(); err != nil {
					t.Errorf("%s: the publisher was disturbed: %v", stream, err)
				}
				old.end()
			}
		})
	}
}

// A takeover is of one publication: asked to give up one that is over, the owner does not end the one that came after it.
func TestTakeoverOfAnEarlierPublication(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 1, apps: takeoverApps})
	p, _ := s.goLive(t, 0, "live/now")
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.runDir, "http.sock.0"))
		},
	}}
	for _, publication := range []string{"1.999", ""} {
		q := url.Values{"stream": {"live/now"}, "publication": {publication}, "until": {fmt.Sprint(time.Now().Add(soon).UnixMilli())}}
		r, err := client.Post("http://worker/internal/v1/takeover?"+q.Encode(), "", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK || !strings.Contains(string(body), `"released":false`) {
			t.Errorf("publication %q: status %d, %s, %v", publication, r.StatusCode, body, err)
		}
	}
	before := p.written()
	p.awaitReceived(s, "live/now")
	waitFor(t, soon, "the publisher to go on", func() string {
		if p.written() > before+10 {
			return ""
		}
		return fmt.Sprintf("%d messages after %d", p.written(), before)
	})
	if n := len(s.log.find("taken_over")); n > 0 {
		t.Error("the publisher was taken over")
	}
}
