package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadEnvironment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, file, env string
		want            []string // FILE: is the path of the file
	}{
		{"a value", "", "RTMPEDGE_WORKERS=200", []string{
			`RTMPEDGE_WORKERS: workers: 200 is out of range 1..128: write auto, or a number from 1 to 128`,
		}},
		{"all at once, the file's first", "workers: many\nlog: {level: loud, colour: red}", "RTMPEDGE_LOG_FORMAT=xml\nRTMPEDGE_LIVE_PLAY_WAIT=30\nRTMPEDGE_X=", []string{
			`FILE:1: workers: "many" is not a number of workers: write auto, or a number from 1 to 128`,
			`FILE:2: log.colour: unknown key: remove it, or write one of level, format`,
			`FILE:2: log.level: "loud" is none of debug, info, warn, error: write one of them`,
			`RTMPEDGE_LIVE_PLAY_WAIT: live.play_wait: "30" has no unit: write 30s for seconds, or one of ms, s, m, h`,
			`RTMPEDGE_X: names no key: remove it; the variable of a key is RTMPEDGE_ and its path, such as RTMPEDGE_RTMP_LISTEN for rtmp.listen`,
			`RTMPEDGE_LOG_FORMAT: log.format: "xml" is none of text, json: write one of them`,
		}},
		{"a file that is no YAML", "rtmp: [1", "RTMPEDGE_WORKERS=x\nRTMPEDGE_LIVE_MAX_LAG=40s", []string{
			`FILE:2: not YAML: did not find expected ',' or ']': correct the syntax here or just above`,
			`RTMPEDGE_WORKERS: workers: "x" is not a number of workers: write auto, or a number from 1 to 128`,
		}},
		{"what it overrides has to be readable", "workers: many", "RTMPEDGE_WORKERS=4", []string{
			`FILE:1: workers: "many" is not a number of workers: write auto, or a number from 1 to 128`,
		}},
		{"a bool", "", "RTMPEDGE_LIVE_GOP_CACHE=maybe", []string{`RTMPEDGE_LIVE_GOP_CACHE: live.gop_cache: "maybe" is not true or false: write true or false`}},
		{"a quoted number", "", `RTMPEDGE_METRICS_STREAMS="7"`, []string{
			`RTMPEDGE_METRICS_STREAMS: metrics.streams: "7" is not a whole number, or far too large: write digits only`,
		}},
		{"an open quote", "", `RTMPEDGE_HTTP_TOKEN="sixteen bytes long`, []string{
			`RTMPEDGE_HTTP_TOKEN: http.token: begins with a quote, and is no value in quotes: close them, or put the whole value into other ones`,
		}},
		{"more behind the quote", "", `RTMPEDGE_HTTP_TOKEN='sixteen': 'bytes long'`, []string{
			`RTMPEDGE_HTTP_TOKEN: http.token: begins with a quote, and is no value in quotes: close them, or put the whole value into other ones`,
		}},
		{"lines", "", "RTMPEDGE_HTTP_TOKEN=first of two lines⏎second of them", []string{
			`RTMPEDGE_HTTP_TOKEN: http.token: has more than one line, or a tab in it: write a single value`,
		}},
		{"no text", "", "RTMPEDGE_HTTP_TOKEN=sixteen bytes of \xff\nRTMPEDGE_RUN_DIR=/run/\x01", []string{
			`RTMPEDGE_RUN_DIR: run_dir: holds control characters, or is not UTF-8: write text`,
			`RTMPEDGE_HTTP_TOKEN: http.token: holds control characters, or is not UTF-8: write text`,
		}},
		{"a short secret", "", "RTMPEDGE_HTTP_TOKEN=guessme", []string{
			`RTMPEDGE_HTTP_TOKEN: http.token: has 7 bytes, so few that it could be guessed: write at least 16 random ones, such as openssl rand -hex 32 prints`,
		}},

		{"an entry of a list", "rtmp: {listen: [1, 2]}", "RTMPEDGE_RTMP_LISTEN=3, 70000", []string{
			`RTMPEDGE_RTMP_LISTEN: rtmp.listen[1]: port 70000 is out of range 1..65535: choose a port from 1 to 65535`,
		}},
		{"nothing between commas", "", "RTMPEDGE_RTMP_LISTEN=1,,2\nRTMPEDGE_HTTP_HOSTS=a.example,", []string{
			`RTMPEDGE_HTTP_HOSTS: http.hosts[1]: "" is not the name of a host: write it alone, such as live.example.com`,
			`RTMPEDGE_RTMP_LISTEN: rtmp.listen[1]: is missing: write an address, such as 1935, 127.0.0.1:1935, "[::1]:1935" or "unix:/path"`,
		}},
		{"a flow list without quotes", "", "RTMPEDGE_RTMP_LISTEN=[[::1]:1935]", []string{
			`RTMPEDGE_RTMP_LISTEN: rtmp.listen: not YAML: did not find expected node content: correct the syntax; an address that begins with [ has to be quoted: "[::1]:1935"`,
		}},
		{"a clash with the file", "http: {listen: [1]}", "RTMPEDGE_RTMP_LISTEN=1", []string{
			`FILE:1: http.listen[0]: 1 is taken by rtmp.listen[0] (1): choose another port for one of the two; rtmp.listen[0] comes from RTMPEDGE_RTMP_LISTEN`,
		}},
		{"a clash with a default", "", "RTMPEDGE_RTMP_LISTEN=127.0.0.1:8080", []string{
			`RTMPEDGE_RTMP_LISTEN: rtmp.listen[0]: 127.0.0.1:8080 is taken by http.listen[0] (127.0.0.1:8080): choose another port for one of the two; http.listen[0] has its default here`,
		}},
		{"a contradiction with the file", "\nlive: {log_duration: 20s}", "RTMPEDGE_LIVE_MAX_LAG=21s", []string{
			`RTMPEDGE_LIVE_MAX_LAG: live.max_lag: 21s is more than live.log_duration, 20s: choose less`,
		}},

		{"no list", "", "RTMPEDGE_APPS=live", []string{`RTMPEDGE_APPS: apps: is not a list: write - and a value on each line below it, or [value, value]`}},
		{"apps", "apps: [{name: a}, {name: b}]", "RTMPEDGE_APPS=[{name: a}, {name: /x, on_conflict: never, play_secrets: 1, flush: 3}]", []string{
			`RTMPEDGE_APPS: apps[1].play_secrets: unknown key: did you mean play_secret?`,
			`RTMPEDGE_APPS: apps[1].flush: is not a mapping: write keys with values below it, of min, max`,
			`RTMPEDGE_APPS: apps[1].name: "/x" begins or ends with a slash: write x`,
			`RTMPEDGE_APPS: apps[1].on_conflict: "never" is none of reject, takeover: write one of them`,
		}},
		{"a key twice", "", "RTMPEDGE_APPS=[{name: a, name: b}]", []string{`RTMPEDGE_APPS: apps[0].name: duplicate key: keep one of the two`}},
		{"a default of a mapping", "", "RTMPEDGE_MULTI_LISTEN=[{serves: rtmp}]", []string{
			`RTMPEDGE_MULTI_LISTEN: multi_listen[0].listen: is missing: write an address, such as 1935, 127.0.0.1:1935, "[::1]:1935" or "unix:/path"`,
		}},
		{"two documents", "", "RTMPEDGE_APPS=- name: a⏎---⏎- name: b", []string{
			`RTMPEDGE_APPS: apps: a second YAML document begins here: write everything in one, without ---`,
		}},

		{"a slip", "", "RTMPEDGE_WORKER=1", []string{`RTMPEDGE_WORKER: names no key: did you mean RTMPEDGE_WORKERS?`}},
		{"small letters", "", "RTMPEDGE_rtmp_listen=1", []string{`RTMPEDGE_rtmp_listen: names no key: did you mean RTMPEDGE_RTMP_LISTEN?`}},
		{"the end of a key", "", "RTMPEDGE_TOKEN=guessme\nRTMPEDGE_CONNECT_TIMEOUT=1s", []string{
			`RTMPEDGE_CONNECT_TIMEOUT: names no key: did you mean RTMPEDGE_RTMP_LIMITS_CONNECT_TIMEOUT or RTMPEDGE_RELAY_CONNECT_TIMEOUT?`,
			`RTMPEDGE_TOKEN: names no key: did you mean RTMPEDGE_HTTP_TOKEN?`,
		}},
		{"a group", "", "RTMPEDGE_LIVE={gop_cache: false}", []string{
			`RTMPEDGE_LIVE: names a group of keys: set each by itself, such as RTMPEDGE_LIVE_GOP_CACHE`,
		}},
		{"a part of a list", "", "RTMPEDGE_APPS_0_NAME=a\nRTMPEDGE_RTMP_LISTEN_0=1", []string{
			`RTMPEDGE_APPS_0_NAME: names a part of a list, which can only be set as a whole: write all of it in RTMPEDGE_APPS`,
			`RTMPEDGE_RTMP_LISTEN_0: names a part of a list, which can only be set as a whole: write all of it in RTMPEDGE_RTMP_LISTEN`,
		}},
		{"Kubernetes", "", "RTMPEDGE_PORT_1935_TCP=tcp://10.0.0.1:1935", []string{
			`RTMPEDGE_PORT_1935_TCP: names no key; Kubernetes sets it for a service called rtmpedge: write enableServiceLinks: false in the pod's spec`,
		}},
		{"nothing", "", "RTMPEDGE_=1", []string{
			`RTMPEDGE_: names no key: remove it; the variable of a key is RTMPEDGE_ and its path, such as RTMPEDGE_RTMP_LISTEN for rtmp.listen`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := ""
			if test.file != "" {
				path = writeConfig(t, test.file)
			}
			c, err := load(path, environ(test.env))
			if err == nil {
				t.Fatalf("no error, but %+v", c)
			}
			want := strings.ReplaceAll(strings.Join(test.want, "\n"), "FILE", path)
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestSecretsAreNotTold: errors about a variable with a secret don't say it, however it is misread.
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	const hidden = "Zq7hidden"
	for _, env := range []string{
		"RTMPEDGE_HTTP_TOKEN=" + hidden,
		"RTMPEDGE_HTTP_TOKEN='" + hidden,
		"RTMPEDGE_HTTP_TOKEN=" + hidden + "⏎" + hidden,
		"RTMPEDGE_TOKEN=" + hidden,
		"RTMPEDGE_APPS=" + hidden,
		"RTMPEDGE_APPS=*" + hidden,
		"RTMPEDGE_APPS=[{name: a, publish_secret: " + hidden + "}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: *" + hidden + "}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: 0123456789," + hidden + "}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: {" + hidden + ": 1}}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: [" + hidden + "]}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: !" + hidden + " a}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: %" + hidden + "}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: \"\\" + hidden + "\"}]",
		"RTMPEDGE_APPS=[{name: a, publish_secret: " + hidden + ": }]",
		"RTMPEDGE_APPS=[{name: a, publish_secret=" + hidden + "}]",
		"RTMPEDGE_APPS=[{name: a, flush: " + hidden + "}]",
		"RTMPEDGE_APPS=[" + hidden + "]",
		"RTMPEDGE_APPS=name=a,secret=" + hidden,
	} {
		if c, err := load("", environ(env)); err == nil {
			t.Errorf("%s is accepted: %+v", env, c.Apps)
		} else if strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: the error tells it: %v", env, err)
		}
	}
	for _, text := range []string{
		"http: {token: " + hidden + "}", "http: {token: *" + hidden + "}", "http: {token: 0123456789abcdef," + hidden + "}", "http: " + hidden,
		"http: {token=" + hidden + "}", "apps: " + hidden, "http:\n  token:" + hidden + "\n",
	} {
		if _, err := Parse("", []byte(text)); err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}
