package config

import "testing"

func TestApp(t *testing.T) {
	t.Parallel()
	open := App{Name: AnyApp, OnConflict: Reject}
	live := App{Name: "live", OnConflict: Takeover, PublishSecret: "secret of live  "}
	east := App{Name: "live/east", OnConflict: Reject}
	others := App{Name: AnyApp, OnConflict: Takeover, PlaySecret: "secret of others"}
	for _, test := range []struct {
		apps []App
		want map[string]App
	}{
		{nil, map[string]App{"live": open, "": open, AnyApp: open}},
		{
			[]App{live, {Name: "live/east"}},
			map[string]App{"live": live, "live/east": east, "live/west": live, "live/east/2": east, "liv": open, "live2": open, "": open},
		},
		{
			[]App{others, live},
			map[string]App{"live": live, "live/east": live, "vod": others, "vod/live": others, "": others, AnyApp: others},
		},
	} {
		c := Default()
		c.Apps = test.apps
		for name, want := range test.want {
			if got := c.App(name); got != want {
				t.Errorf("%v: app %q is %v, want %v", test.apps, name, got, want)
			}
		}
	}
}
