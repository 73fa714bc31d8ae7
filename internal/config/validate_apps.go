package config

import (
	"fmt"
	"math"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

func (v *validator) apps(c *Config) {
	entries := make(map[string]int)
	for i, a := range c.Apps {
		key := fmt.Sprintf("apps[%d]", i)
		v.appName(key+".name", a.Name)
		first, found := entries[a.Name]
		v.check(!found || a.Name == "", key+".name", "%q is the name of apps[%d] too: write one entry for each app", a.Name, first)
		if !found {
			entries[a.Name] = i
		}
		if a.OnConflict != "" {
			v.enum(key+".on_conflict", string(a.OnConflict), []string{string(Reject), string(Takeover)})
		}
		v.secret(key+".publish_secret", a.PublishSecret)
		v.secret(key+".play_secret", a.PlaySecret)
		v.flush(key+".flush", a.Flush, c.completed(a).Flush, true)
	}
}

// appName refuses what no app can be called, so that no entry seems to protect an app, and doesn't.
func (v *validator) appName(key, name string) {
	var bad string
	switch trimmed := strings.Trim(name, "/"); {
	case name == AnyApp:
	case trimmed == "":
		bad = `is missing: write the name of an app, or "*" for every app without an entry`
	case trimmed != name:
		bad = fmt.Sprintf("%q begins or ends with a slash: write %s", name, trimmed)
	case strings.Contains(name, "?"):
		bad = fmt.Sprintf("%q has a query, which is no part of the app: leave it out", name)
	case strings.Contains(name, "*"):
		bad = fmt.Sprintf("%q is no pattern: write the whole name of an app, or \"*\" for every app without an entry", name)
	default:
		if _, err := names.Key(name, "x", math.MaxInt); err != nil {
			bad = fmt.Sprintf("%q: %s: write the app's part of the streams' URLs, such as live or live/east", name, err)
		}
	}
	v.check(bad == "", key, "%s", bad)
}

// secret judges one that is written in the configuration; those in files are judged when they are read.
func (v *validator) secret(key, s string) {
	if problem := secretProblem(s); s != "" {
		v.check(problem == "", key, "%s", problem)
	}
}
