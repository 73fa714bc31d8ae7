package config

import (
	"testing"
	"time"
)

func TestApp(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	usual := Flush{5 * ms, 100 * ms}
	open := App{Name: AnyApp, OnConflict: Reject, Flush: usual}
	live := App{Name: "live", OnConflict: Takeover, PublishSecret: "secret of live  ", Flush: Flush{5 * ms, 300 * ms}}
	east := App{Name: "live/east", OnConflict: Reject, Flush: usual}
	others := App{Name: AnyApp, OnConflict: Takeover, PlaySecret: "secret of others", Flush: Flush{2 * ms, 2 * ms}}
	for _, test := range []struct {
		apps []App
		want map[string]App
	}{
		{nil, map[string]App{"live": open, "": open, AnyApp: open}},
		{
			[]App{{Name: "live", OnConflict: Takeover, PublishSecret: live.PublishSecret, Flush: Flush{Max: 300 * ms}}, {Name: "live/east"}},
			map[string]App{"live": live, "live/east": east, "live/west": live, "live/east/2": east, "liv": open, "live2": open, "": open},
		},
		{
			[]App{{Name: AnyApp, OnConflict: Takeover, PlaySecret: others.PlaySecret, Flush: Flush{Max: 2 * ms}}, live},
			map[string]App{"live": live, "live/east": live, "vod": others, "vod/live": others, "": others, AnyApp: others},
		},
	} {
		c := Default()
		c.Live.Flush = usual
		c.Apps = test.apps
		for name, want := range test.want {
			if got := c.App(name); got != want {
				t.Errorf("%v: app %q is %v, want %v", test.apps, name, got, want)
			}
		}
	}
}
