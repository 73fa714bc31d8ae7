package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fullStream has all that can be known.
func fullStream(role Role) LocalStream {
	s := LocalStream{
		App: "live", Name: "full", Role: role, Owner: 10, Players: 2, PlayersBy: map[string]int{"rtmps": 1, "http_fmp4": 1}, RelayPlayers: 1,
		BytesIn: 1, BytesOut: 2, BitrateIn: 3, BitrateOut: 4.5, VideoCodec: "hevc", AudioCodec: "opus", Since: epoch,
		Video: &VideoInfo{Codec: "hevc", String: "hvc1.1.6.L93.B0", Profile: "Main", Level: "3.1", Width: 1280, Height: 720, FPS: 29.97, Bitrate: 2.5e6},
		Audio: &AudioInfo{Codec: "opus", String: "opus", Profile: "-", SampleRate: 48000, Channels: 2, Bitrate: 128000},
		GOP:   &GOPInfo{KeyframeInterval: 2, Frames: 60, Bytes: 1000, Duration: 1.9},
		Health: &HealthInfo{
			LastFrame: epoch.Add(time.Hour), Timestamp: 1<<32 - 1, Forward: 1, Backward: 2, Small: 3,
		},
	}
	if role == RolePublisher {
		s.Publisher = &PublisherInfo{Session: "0-0-7", Protocol: "rtmps", Address: "[2001:db8::1]:5000", Since: epoch, FlashVer: "FMLE/3.0"}
	}
	return s
}

// One stream is shown as in the list, with all that its owner knows; that of a relay, if the owner is silent.
func TestStream(t *testing.T) {
	c := newCluster(t, 3)
	owner, relay := fullStream(RolePublisher), fullStream(RoleRelay)
	relay.Video.FPS, relay.Players, relay.PlayersBy = 30, 1, map[string]int{"rtmps": 1}
	c.locals[0].streams = []LocalStream{{App: "live", Name: "fuller"}, owner}
	c.locals[2].streams = []LocalStream{relay}
	var got StreamAnswer
	c.call(t, "GET", "/api/v1/streams/live/full").into(t, 200, &got)
	s := &got.Stream
	want := &StreamMedia{0, RolePublisher, 3, owner.Video, owner.Audio, owner.GOP, owner.Health}
	if diff := cmp.Diff(want, s.Media); diff != "" || got.summary() != "3/3" {
		t.Errorf("%s %s", got.summary(), diff)
	}
	if diff := cmp.Diff(owner.Publisher, s.Publisher); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"rtmps": 2, "http_fmp4": 1}, s.PlayersBy); diff != "" || s.Players != 3 || s.BitrateOut != 9 {
		t.Errorf("%+v %s", s, diff)
	}

	c.replace(0, stopped(t))
	c.public = serveTCP(t, c.apis[1].Public())
	got = StreamAnswer{}
	c.call(t, "GET", "/api/v1/streams/live/full").into(t, 200, &got)
	want = &StreamMedia{2, RoleRelay, 3, relay.Video, relay.Audio, relay.GOP, relay.Health}
	if diff := cmp.Diff(want, got.Stream.Media); diff != "" || got.summary() != "2/3 0:timeout" || got.Stream.OwnerWorker != nil {
		t.Errorf("%s %s", got.summary(), diff)
	}

	// Not there: only who has asked all can say so.
	var p problemBody
	c.call(t, "GET", "/api/v1/streams/live/none").into(t, 503, &p)
	if p.summary() != "2/3 0:timeout" {
		t.Error(p.summary())
	}
}

func TestStreamThatIsNotThere(t *testing.T) {
	c := newCluster(t, 2)
	c.locals[1].streams = []LocalStream{{App: "live", Name: "xx"}, {App: "live/x", Name: "y"}, {App: "a", Name: "x"}}
	for _, path := range []string{"live/x", "live/x%2Fy", "live%2Fa/x", "live/X"} {
		var p problemBody
		c.call(t, "GET", "/api/v1/streams/"+path).into(t, 404, &p)
		if p.summary() != "2/2" {
			t.Errorf("%s: %s", path, p.summary())
		}
	}
}

// names lists the streams that match, page by page.
func (c *cluster) names(t *testing.T, query url.Values, between func()) (names []string) {
	t.Helper()
	for {
		var page StreamsAnswer
		c.call(t, "GET", strings.TrimSuffix("/api/v1/streams?"+query.Encode(), "?")).into(t, 200, &page)
		for _, s := range page.Streams {
			names = append(names, s.App+" "+s.Name)
		}
		if page.Next == "" {
			return names
		}
		if len(names) > 1000 {
			t.Fatal("no end")
		}
		query.Set("after", page.Next)
		between()
	}
}

// Filters and pages find what one look at everything does.
func TestStreamsPages(t *testing.T) {
	c := newCluster(t, 3)
	var all []string
	for n := range 50 {
		app, name := fmt.Sprint("app", n%3), fmt.Sprintf("cam\"%02d/ü", n)
		all = append(all, app+" "+name)
		role := []Role{RolePublisher, RoleWaiting}[n%2]
		c.locals[n%3].streams = append(c.locals[n%3].streams, LocalStream{App: app, Name: name, Role: role, Owner: 10 + n%3})
		if n%4 == 0 { // also on another worker
			c.locals[(n+1)%3].streams = append(c.locals[(n+1)%3].streams, LocalStream{App: app, Name: name, Role: RoleWaiting})
		}
	}
	slices.Sort(all) // no name or app is the beginning of another
	which := func(f func(app string, n int) bool) (out []string) {
		for _, s := range all {
			var n int
			if _, err := fmt.Sscanf(s[5:], "cam\"%d", &n); err != nil {
				t.Fatal(err)
			}
			if f(s[:4], n) {
				out = append(out, s)
			}
		}
		return out
	}
	for _, tt := range []struct {
		query url.Values
		want  func(app string, n int) bool
	}{
		{url.Values{}, func(string, int) bool { return true }},
		{url.Values{"app": {"app1"}}, func(app string, _ int) bool { return app == "app1" }},
		{url.Values{"name": {"cam\"07/ü"}}, func(_ string, n int) bool { return n == 7 }},
		{url.Values{"prefix": {"cam\"1"}}, func(_ string, n int) bool { return n/10 == 1 }},
		{url.Values{"state": {"live"}}, func(_ string, n int) bool { return n%2 == 0 }},
		{url.Values{"state": {"waiting"}, "app": {"app2"}}, func(app string, n int) bool { return n%2 == 1 && app == "app2" }},
		{url.Values{"app": {"none"}}, func(string, int) bool { return false }},
	} {
		for _, limit := range []string{"", "1", "7", "50", "51"} {
			if tt.query.Del("after"); limit != "" {
				tt.query.Set("limit", limit)
			}
			name := tt.query.Encode()
			if diff := cmp.Diff(which(tt.want), c.names(t, tt.query, func() {})); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	// Streams that come and go meanwhile.
	next := 0
	got := c.names(t, url.Values{"limit": {"6"}}, func() {
		next++
		l := c.locals[next%3]
		l.streams = append(l.streams, LocalStream{App: fmt.Sprint("app", next%3), Name: fmt.Sprintf("new%02d", next), Role: RoleWaiting})
		l.streams = slices.DeleteFunc(l.streams, func(s LocalStream) bool { return strings.HasPrefix(s.Name, fmt.Sprintf("new%02d", next-1)) })
	})
	if there := slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, " new") }); !slices.Equal(there, all) {
		t.Error(cmp.Diff(all, there))
	}
}

// Workers send no more streams than a page needs, unless what is left of them is known only when all are merged.
func TestStreamsAreSentSparingly(t *testing.T) {
	c := newCluster(t, 1)
	for n := range 300 {
		c.locals[0].streams = append(c.locals[0].streams, LocalStream{App: "live", Name: fmt.Sprintf("%03d", 299-n)})
	}
	var env envelope[[]LocalStream]
	c.private(t, pathStreams+"?"+url.Values{"limit": {"3"}, "after": {streamKey{"live", "100"}.cursor()}}.Encode()).into(t, 200, &env)
	if got := *env.Data; len(got) != 3 || got[0].Name != "101" || got[2].Name != "103" {
		t.Errorf("%+v", got)
	}
}

func TestStreamCursor(t *testing.T) {
	for _, k := range []streamKey{{"", ""}, {"a/b", "c"}, {"a", "b/c"}, {"ü\"", "\x00 &=?#"}} {
		if got, ok := streamKeyOf(k.cursor()); !ok || got != k {
			t.Errorf("%q: %q %v", k, got, ok)
		}
	}
}
