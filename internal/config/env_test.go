package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// writeConfig returns the path of a file with this text.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	const file = `
workers: 3
http: {listen: [1, 2, 3], token: "token in the file", hosts: [a.example]}
apps: [{name: a}, {name: b}]
live: {gop_cache: false, play_wait: 7s}
`
	for _, test := range []struct {
		name   string
		env    string // one variable a line; ⏎ is a line feed in a value
		change func(*Config)
	}{
		{"none", "", func(*Config) {}},
		{"of others", "RTMP_EDGE_WORKERS=9\nrtmpedge_workers=9\nWORKERS=9\nXRTMPEDGE_WORKERS=9", func(*Config) {}},
		{"a number", "RTMPEDGE_WORKERS=5", func(c *Config) { c.Workers = 5 }},
		{"a word for a number", "RTMPEDGE_WORKERS=auto", func(c *Config) { c.Workers = Auto }},
		{"twice", "RTMPEDGE_WORKERS=5\nRTMPEDGE_WORKERS=6", func(c *Config) { c.Workers = 5 }},
		{"no value", "RTMPEDGE_WORKERS=\nRTMPEDGE_HTTP_LISTEN=\nRTMPEDGE_HTTP_TOKEN= \nRTMPEDGE_APPS=\nRTMPEDGE_LIVE_GOP_CACHE=~", func(*Config) {}},
		{"space around", "RTMPEDGE_WORKERS= 5 \nRTMPEDGE_HTTP_TOKEN= token of sixteen ⏎", func(c *Config) { c.Workers, c.HTTP.Token = 5, "token of sixteen" }},
		{"a bool", "RTMPEDGE_LIVE_GOP_CACHE=true", func(c *Config) { c.Live.GOPCache = true }},
		{"a duration", "RTMPEDGE_LIVE_PLAY_WAIT=1m30s", func(c *Config) { c.Live.PlayWait = 90 * time.Second }},
		{"a size", "RTMPEDGE_LIVE_LOG_BYTES=128MiB", func(c *Config) { c.Live.LogBytes = 128 << 20 }},
		{"deep", "RTMPEDGE_RTMP_LIMITS_ACCEPT_RATE=77", func(c *Config) { c.RTMP.Limits.AcceptRate = 77 }},
		{"an address", "RTMPEDGE_RELAY_VIA=unix:/run/a, b", func(c *Config) { c.Relay.Via = addr(t, "unix:/run/a, b") }},
		{"quoted", `RTMPEDGE_RELAY_VIA="unix:/run/a"`, func(c *Config) { c.Relay.Via = addr(t, "unix:/run/a") }},
		{"cleared", `RTMPEDGE_HTTP_TOKEN=""`, func(c *Config) { c.HTTP.Token = "" }},
		{"cleared otherwise", `RTMPEDGE_HTTP_TOKEN=''`, func(c *Config) { c.HTTP.Token = "" }},
		{"what YAML would misread", `RTMPEDGE_HTTP_TOKEN=*a: #b, [c {d "e" %f &g !h`, func(c *Config) { c.HTTP.Token = `*a: #b, [c {d "e" %f &g !h` }},
		{"digits that are a text", "RTMPEDGE_HTTP_TOKEN=0123456789012345678", func(c *Config) { c.HTTP.Token = "0123456789012345678" }},

		{"commas", "RTMPEDGE_HTTP_LISTEN=[::1]:4, 127.0.0.1:5,6", func(c *Config) { c.HTTP.Listen = addrs(t, "[::1]:4", "127.0.0.1:5", "6") }},
		{"commas and quotes", `RTMPEDGE_HTTP_LISTEN="[::1]:4", '5'`, func(c *Config) { c.HTTP.Listen = addrs(t, "[::1]:4", "5") }},
		{"one", "RTMPEDGE_HTTP_LISTEN=[::1]:4", func(c *Config) { c.HTTP.Listen = addrs(t, "[::1]:4") }},
		{"one path", "RTMPEDGE_HTTP_LISTEN=unix:/run/h", func(c *Config) { c.HTTP.Listen = addrs(t, "unix:/run/h") }},
		{"a flow list", `RTMPEDGE_HTTP_LISTEN=["[::1]:4", 127.0.0.1:5, 6]`, func(c *Config) { c.HTTP.Listen = addrs(t, "[::1]:4", "127.0.0.1:5", "6") }},
		{"a comma in a value", `RTMPEDGE_HTTP_LISTEN=["unix:/run/a,b"]`, func(c *Config) { c.HTTP.Listen = addrs(t, "unix:/run/a,b") }},
		{"a block list", `RTMPEDGE_HTTP_LISTEN=- "[::1]:4"⏎- 6⏎`, func(c *Config) { c.HTTP.Listen = addrs(t, "[::1]:4", "6") }},
		{"an empty list", "RTMPEDGE_HTTP_LISTEN=[]\nRTMPEDGE_APPS=[]", func(c *Config) { c.HTTP.Listen, c.Apps = []multiport.Addr{}, []App{} }},
		{"names", "RTMPEDGE_HTTP_HOSTS=b.example, c.example", func(c *Config) { c.HTTP.Hosts = []string{"b.example", "c.example"} }},
		{"a star", "RTMPEDGE_HTTP_CORS_ORIGINS=https://a.example, *", func(c *Config) { c.HTTP.CORSOrigins = []string{"https://a.example", "*"} }},
		{"prefixes", "RTMPEDGE_RTMP_PROXY_PROTOCOL=10.0.0.0/8, fd00::/8", func(c *Config) { c.RTMP.ProxyProtocol = prefixes("10.0.0.0/8", "fd00::/8") }},

		{"apps", `RTMPEDGE_APPS=[{name: c, on_conflict: takeover, publish_secret: "a, secret: of 20 b"}]`, func(c *Config) {
			c.Apps = []App{{Name: "c", OnConflict: Takeover, PublishSecret: "a, secret: of 20 b"}}
		}},
		{"JSON", `RTMPEDGE_APPS=[{"name": "*", "flush": {"max": "9ms"}}, {"name": "d"}]`, func(c *Config) {
			c.Apps = []App{{Name: AnyApp, Flush: Flush{Max: 9 * time.Millisecond}}, {Name: "d"}}
		}},
		{"a block", "RTMPEDGE_APPS=- name: c⏎  flush: {max: 9ms}⏎- name: d⏎", func(c *Config) {
			c.Apps = []App{{Name: "c", Flush: Flush{Max: 9 * time.Millisecond}}, {Name: "d"}}
		}},
		{"multi_listen", `RTMPEDGE_MULTI_LISTEN=[{listen: "[::1]:19350", serves: rtmp}]`, func(c *Config) {
			c.MultiListen = []MultiListen{{addr(t, "[::1]:19350"), RTMP}}
		}},
		{"what agrees only together", "RTMPEDGE_LIVE_MAX_LAG=40s\nRTMPEDGE_LIVE_LOG_DURATION=50s", func(c *Config) {
			c.Live.MaxLag, c.Live.LogDuration = 40*time.Second, 50*time.Second
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := writeConfig(t, file)
			want, err := load(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			test.change(want)
			got, err := load(path, environ(test.env))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, comparePrefixes, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func environ(lines string) (env []string) {
	for line := range strings.SplitSeq(lines, "\n") {
		env = append(env, strings.ReplaceAll(line, "⏎", "\n"))
	}
	return env
}

// TestLoadReadsTheEnvironment: that of the process, with a file and without.
//
//nolint:paralleltest // it sets variables
func TestLoadReadsTheEnvironment(t *testing.T) {
	t.Setenv("RTMPEDGE_WORKERS", "5")
	for path, want := range map[string]time.Duration{"": 30 * time.Second, writeConfig(t, "{workers: 4, live: {play_wait: 1s}}"): time.Second} {
		c, err := Load(path)
		if err != nil || c.Workers != 5 || c.Live.PlayWait != want {
			t.Errorf("Load(%q) = %+v, %v", path, c, err)
		}
	}
	if c, err := Parse("", []byte("workers: 4")); err != nil || c.Workers != 4 {
		t.Errorf("Parse = %+v, %v", c, err)
	}
}

// TestRunDir: it is told if it can be, whatever is wrong beside it.
func TestRunDir(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, env, want, says string }{
		{"", "", "", ""},
		{"run_dir: /run/a", "", "/run/a", ""},
		{"run_dir: /run/a", "RTMPEDGE_RUN_DIR=/run/b", "/run/b", ""},
		{"{run_dir: /run/a, workers: x, http: {token_file: /none}, live: {max_lag: 9h}, a: b}", "RTMPEDGE_X=1", "/run/a", ""},
		{"rtmp: [1", "RTMPEDGE_RUN_DIR=/run/b", "/run/b", ""},
		{"rtmp: [1", "", "", "not YAML"},
		{"run_dir: [/run/a]", "", "", "run_dir: is a list or a mapping"},
	} {
		path := ""
		if test.text != "" {
			path = writeConfig(t, test.text)
		}
		got, err := runDir(path, environ(test.env))
		if got != test.want || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
	if dir, err := runDir("/none/there", []string{"RTMPEDGE_RUN_DIR=/run/b"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q, %v", dir, err)
	}
}
