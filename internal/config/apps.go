package config

import (
	"slices"
	"strings"
)

// An App is what holds for the streams of one app, the part of "app/name" up to the last slash, and of its instances.
type App struct {
	Name              string     `yaml:"name" json:"name"`                               // AnyApp: every app without an entry of its own
	OnConflict        OnConflict `yaml:"on_conflict" json:"on_conflict"`                 // "" in Config.Apps is Reject; Config.App fills it in
	PublishSecret     string     `yaml:"publish_secret" json:"publish_secret"`           // "": anybody may publish; else a signed URL is asked for
	PublishSecretFile string     `yaml:"publish_secret_file" json:"publish_secret_file"` // what Load read PublishSecret from; "": nothing
	PlaySecret        string     `yaml:"play_secret" json:"play_secret"`
	PlaySecretFile    string     `yaml:"play_secret_file" json:"play_secret_file"`
	Flush             Flush      `yaml:"flush" json:"flush"` // 0 in Config.Apps is what Live says; Config.App fills it in
}

// AnyApp is the name of the entry for apps that have none of their own.
const AnyApp = "*"

// OnConflict says what happens when somebody publishes what is published already.
type OnConflict string

// The values of OnConflict.
const (
	Reject   OnConflict = "reject"   // the new one is refused
	Takeover OnConflict = "takeover" // the new one takes the place of the old one
)

// App returns what holds for an app: its entry in apps or, without one, that of the app it is an instance of ("live" for
// "live/east") or, without one, that of AnyApp or, without that, the default.
func (c *Config) App(name string) App {
	for ; name != ""; name = name[:max(strings.LastIndexByte(name, '/'), 0)] {
		if a, ok := c.app(name); ok {
			return a
		}
	}
	if a, ok := c.app(AnyApp); ok {
		return a
	}
	return c.completed(App{Name: AnyApp})
}

// completed fills in what an entry leaves to the defaults.
func (c *Config) completed(a App) App {
	if a.OnConflict == "" {
		a.OnConflict = Reject
	}
	if a.Flush.Max == 0 {
		a.Flush.Max = c.Live.Flush.Max
	}
	if a.Flush.Min == 0 {
		a.Flush.Min = min(c.Live.Flush.Min, a.Flush.Max)
	}
	return a
}

// playSecret tells whether any app has one, read or yet to be read.
func (c *Config) playSecret() bool {
	return slices.ContainsFunc(c.Apps, func(a App) bool { return a.PlaySecret != "" || a.PlaySecretFile != "" })
}

func (c *Config) app(name string) (a App, ok bool) {
	i := slices.IndexFunc(c.Apps, func(a App) bool { return a.Name == name })
	if i < 0 {
		return App{}, false
	}
	return c.completed(c.Apps[i]), true
}
