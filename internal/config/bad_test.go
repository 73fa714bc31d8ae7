package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func xs(n int) string { return strings.Repeat("x", n) }

// A badFile is testdata/name.bad.yml, and what is said about it after the name of the file.
type badFile struct {
	name string
	want []string
}

var badFiles = []badFile{
	{"addr_bracket", []string{`:3: rtmp.listen[0]: no ] in "[::1:1935": write [address]:port`}},
	{"addr_brackets_missing", []string{`:2: rtmp.listen[0]: more than one : in "::1:1935": write an IPv6 address as [address]:port`}},
	{"addr_empty", []string{`:2: rtmp.listen[0]: is missing: write an address, such as 1935, 127.0.0.1:1935, "[::1]:1935" or "unix:/path"`}},
	{"addr_host", []string{`:2: rtmp.listen[0]: host "localhost" is not an IP address: write 127.0.0.1 or [::1]`}},
	{"addr_null", []string{`:4: rtmp.listen[1]: is missing: write an address, such as 1935, 127.0.0.1:1935, "[::1]:1935" or "unix:/path"`}},
	{"addr_path_empty", []string{`:2: http.listen[0]: no path in "unix:": write unix:/ and the rest of an absolute path`}},
	{"addr_path_long", []string{`:2: http.listen[0]: path "/` + xs(107) + `" has 108 bytes, a unix socket's at most 107: shorten it by 1`}},
	{"addr_path_prefix", []string{`:2: http.listen[0]: "/run/http.sock" is a path without unix: in front: write unix:/run/http.sock`}},
	{"addr_port_missing", []string{`:2: http.listen[0]: no port in "127.0.0.1": write 127.0.0.1:port`}},
	{"addr_port_number", []string{`:2: http.listen[0]: port "http" is not a number: choose a port from 1 to 65535`}},
	{"addr_port_range", []string{`:4: rtmp.listen[1]: port 70000 is out of range 1..65535: choose a port from 1 to 65535`}},
	{"all_at_once", []string{
		`:1: workers: 200 is out of range 1..128: write auto, or a number from 1 to 128`,
		`:2: run_dir: "tmp" is not absolute: write a path that begins with /, or "" for a private folder`,
		`:3: stream_zone.bucket: unknown key: did you mean buckets?`,
		`:4: rtmp.listen[0]: port 70000 is out of range 1..65535: choose a port from 1 to 65535`,
		`:4: rtmp.listen[1]: no ] in "[::1": write [address]:port`,
		`:5: live.play_wait: -1s is negative: write a duration above zero`,
		`:5: live.max_lag: 1h0m0s is more than live.log_duration, 30s: choose less; live.log_duration has its default here`,
		`:6: log.level: duplicate key: it is at line 6 already; keep one of the two`,
	}},
	{"control_character", []string{`:3: not YAML: control characters are not allowed: correct the syntax here or just above`}},
	{"ipv6_unquoted", []string{`:1: not YAML: did not find expected node content: correct the syntax here or just above; an address that begins with [ has to be quoted: "[::1]:1935"`}},
	{"syntax_first_line", []string{`:1: not YAML: mapping values are not allowed in this context: correct the syntax here or just above`}},
	{"anchor_unknown", []string{`:1: not YAML: unknown anchor: correct the syntax here or just above; a value that is or begins with * has to be quoted: "*"`}},
	{"bool", []string{`:2: live.gop_cache: "maybe" is not true or false: write true or false`}},
	{"clash_bare_port_ipv6", []string{`:2: http.listen[0]: [::1]:1935 is taken by rtmp.listen[0] (1935): choose another port for one of the two`}},
	{"clash_private_other_protocol", []string{`:4: multi_listen[0].listen: unix:/run/rtmp-edge/http.sock.0 of unix:/run/rtmp-edge/http.sock.0..1 is taken by run_dir (unix:/run/rtmp-edge/http.sock.0..127): choose another path for one of the two`}},
	{"clash_range", []string{`:4: multi_listen[0].listen: 127.0.0.1:1935 of 127.0.0.1:1932..1935 is taken by rtmp.listen[0] (1935): choose another port for one of the two`}},
	{"clash_ranges", []string{`:4: multi_listen[1].listen: 19353 of 19353..19356 is taken by multi_listen[0].listen (19350..19353): choose another port for one of the two`}},
	{"clash_run_dir", []string{`:2: http.listen[0]: unix:/run/rtmp-edge/http.sock.5 is taken by run_dir (unix:/run/rtmp-edge/http.sock.0..127): choose another path for one of the two`}},
	{"clash_same_base", []string{`:4: multi_listen[1].listen: 19350 of 19350..19351 is taken by multi_listen[0].listen (19350..19351): choose another port for one of the two`}},
	{"clash_twice", []string{`:4: http.listen[1]: 127.0.0.1:8080 is taken by http.listen[0] (127.0.0.1:8080): choose another port for one of the two`}},
	{"clash_unix", []string{`:2: http.listen[0]: unix:/run/x is taken by rtmp.listen[0] (unix:/run/x): choose another path for one of the two`}},
	{"clash_unix_range", []string{`:4: multi_listen[0].listen: unix:/run/x.3 of unix:/run/x.0..3 is taken by rtmp.listen[0] (unix:/run/x.3): choose another path for one of the two`}},
	{"clash_via", []string{`:4: relay.via: 127.0.0.1:19350 of 127.0.0.1:19300..19427 is taken by multi_listen[0].listen (19350..19351): choose another port for one of the two`}},
	{"clash_wildcard", []string{`:2: http.listen[0]: 127.0.0.1:1935 is taken by rtmp.listen[0] (0.0.0.0:1935): choose another port for one of the two`}},
	{"clash_with_default", []string{`:2: http.listen[0]: 1935 is taken by rtmp.listen[0] (1935): choose another port for one of the two; rtmp.listen[0] has its default here`}},
	{"flush", []string{
		`:2: apps[0].flush.min: 200ms is more than the longest, 100ms: choose less`,
		`:3: apps[1].flush.max: 2s is more than 1s: choose less`,
		`:4: apps[2].flush.max: -1ms is negative: write a duration above zero`,
		`:4: apps[2].flush.min: -1ms is negative: write a duration above zero`,
	}},
	{"flush_zero", []string{`:2: live.flush.max: must not be zero: write a duration above zero`}},
	{"flush_contradict", []string{`:2: live.flush.min: 60ms is more than the longest, 50ms: choose less`}},
	{"http", []string{
		`:2: http.token: has 5 bytes, so few that it could be guessed: write at least 16 random ones, such as openssl rand -hex 32 prints`,
		`:3: http.hosts[0]: "live.example.com:8080" is not the name of a host: write it alone, such as live.example.com`,
		`:3: http.hosts[1]: "127.0.0.1" is not the name of a host: write it alone, such as live.example.com`,
		`:3: http.hosts[2]: "" is not the name of a host: write it alone, such as live.example.com`,
		`:3: http.hosts[3]: "a.example." is not the name of a host: write it alone, such as live.example.com`,
		`:4: http.cors_origins[0]: "example.com" is not an origin: write a scheme and a host, such as https://example.com, or "*" for every site`,
		`:4: http.cors_origins[1]: "https://example.com/" is not an origin: write a scheme and a host, such as https://example.com, or "*" for every site`,
		`:4: http.cors_origins[2]: "HTTPS://example.com" is not an origin: write a scheme and a host, such as https://example.com, or "*" for every site`,
		`:6: metrics.streams: -1 is out of range 0..100000: choose a number in it`,
	}},
	{"duplicate_key", []string{`:3: workers: duplicate key: it is at line 1 already; keep one of the two`}},
	{"duplicate_key_nested", []string{`:4: log.level: duplicate key: it is at line 2 already; keep one of the two`}},
	{"duration", []string{`:2: live.play_wait: "soon" is not a duration: write a number and a unit, such as 500ms, 10s or 2m`}},
	{"duration_negative", []string{`:2: live.play_wait: -1s is negative: write a duration above zero`}},
	{"duration_unit", []string{`:2: live.play_wait: "30" has no unit: write 30s for seconds, or one of ms, s, m, h`}},
	{"duration_zero", []string{`:2: live.stall_timeout: must not be zero: write a duration above zero`}},
	{"int", []string{`:2: stream_zone.buckets: "many" is not a whole number, or far too large: write digits only`}},
	{"int_fraction", []string{`:2: stream_zone.streams: "1.5" is not a whole number, or far too large: write digits only`}},
	{"int_huge", []string{`:2: stream_zone.streams: "99999999999999999999" is not a whole number, or far too large: write digits only`}},
	{"list_is_mapping", []string{`:2: multi_listen: is not a list: write - and a value on each line below it, or [value, value]`}},
	{"list_is_scalar", []string{`:2: rtmp.listen: is not a list: write [1935]`}},
	{"list_is_string", []string{`:2: rtmp.listen: is not a list: write ["127.0.0.1:1935"]`}},
	{"log_format", []string{`:2: log.format: "xml" is none of text, json: write one of them`}},
	{"log_level", []string{`:2: log.level: "verbose" is none of debug, info, warn, error: write one of them`}},
	{"max_lag", []string{`:2: live.max_lag: 40s is more than live.log_duration, 20s: choose less`}},
	{"max_lag_default", []string{`:2: live.log_duration: 3s is less than live.max_lag, 5s: choose more; live.max_lag has its default here`}},
	{"merge_key", []string{
		`:1: defaults: unknown key: remove it, or write one of workers, run_dir, shutdown_timeout, stream_zone, rtmp, apps, http, multi_listen, relay, live, metrics, log`,
		`:3: log.<<: unknown key: remove it, or write one of level, format`,
	}},
	{"multi_listen_listen_missing", []string{`:2: multi_listen[0].listen: is missing: write an address, such as 1935, 127.0.0.1:1935, "[::1]:1935" or "unix:/path"`}},
	{"multi_listen_path_long", []string{`:3: multi_listen[0].listen: path "/` + xs(103) + `.127" has 108 bytes, a unix socket's at most 107: shorten it by 1`}},
	{"multi_listen_range", []string{`:3: multi_listen[0].listen: port 65530 + worker 7 = 65537 is out of range 1..65535: choose a base port from 1 to 65528`}},
	{"multi_listen_serves", []string{`:2: multi_listen[0].serves: "hls" is none of rtmp, rtmps, http: write one of them`}},
	{"multi_listen_serves_missing", []string{`:2: multi_listen[0].serves: is missing: write serves: rtmp, serves: rtmps or serves: http`}},
	{"nothing_to_serve", []string{`:2: rtmp.listen: nobody can publish or play: write an address, such as 1935, or a multi_listen that serves rtmp`}},
	{"root_list", []string{`:1: is not a mapping: write keys with values below it, of workers, run_dir, shutdown_timeout, stream_zone, rtmp, apps, http, multi_listen, relay, live, metrics, log`}},
	{"run_dir_control", []string{`:1: run_dir: "/run/a\nb" holds control characters: choose another path`}},
	{"run_dir_long", []string{`:1: run_dir: its sockets' paths would have 108 bytes, at most 107 are possible: choose a shorter folder`}},
	{"run_dir_relative", []string{`:1: run_dir: "run/rtmp-edge" is not absolute: write a path that begins with /, or "" for a private folder`}},
	{"second_document_broken", []string{`:4: not YAML: did not find expected node content: correct the syntax here or just above`}},
	{"section_is_list", []string{`:1: log: is not a mapping: write keys with values below it, of level, format`}},
	{"section_not_mapping", []string{`:1: rtmp: is not a mapping: write keys with values below it, of listen, tls, proxy_protocol, idle_timeout, keepalive, user_timeout, limits`}},
	{"size", []string{`:2: live.log_bytes: "64MB" is not a size: write a whole number and a unit, such as 512KiB, 64MiB or 1GiB`}},
	{"size_overflow", []string{`:2: live.log_bytes: "9999999999GiB" is not a size: write a whole number and a unit, such as 512KiB, 64MiB or 1GiB`}},
	{"size_small", []string{`:2: live.log_bytes: 512KiB is less than 1MiB: choose more`}},
	{"size_unit", []string{`:2: live.log_bytes: "67108864" is not a size: write a whole number and a unit, such as 512KiB, 64MiB or 1GiB`}},
	{"syntax", []string{`:2: not YAML: did not find expected ',' or ']': correct the syntax here or just above`}},
	{"tab", []string{`:2: not YAML: found character that cannot start any token: correct the syntax here or just above`}},
	{"two_documents", []string{`:2: a second YAML document begins here: write everything in one, without ---`}},
	{"unknown_key", []string{`:2: live.gop_cach: unknown key: did you mean gop_cache?`}},
	{"unknown_key_case", []string{`:1: Workers: unknown key: did you mean workers?`}},
	{"unknown_key_far", []string{`:2: live.hls: unknown key: remove it, or write one of gop_cache, republish_wait, play_wait, stall_timeout, max_lag, log_bytes, log_duration, flush`}},
	{"unknown_key_in_list", []string{`:2: multi_listen[0].backlog: unknown key: remove it, or write one of listen, serves`}},
	{"unread_value_not_judged", []string{
		`:1: rtmp.listen: is not a list: write [8080]`,
		`:2: live.max_lag: "never" is not a duration: write a number and a unit, such as 500ms, 10s or 2m`,
		`:3: workers: "lots" is not a number of workers: write auto, or a number from 1 to 128`,
		`:4: multi_listen[0].listen: port "none" is not a number: choose a port from 1 to 65535`,
		`:4: multi_listen[0].serves: is a list or a mapping: write a single value`,
	}},
	{"value_is_list", []string{`:2: log.level: is a list or a mapping: write a single value`}},
	{"value_is_mapping", []string{`:1: workers: is a list or a mapping: write a single value`}},
	{"via_path_long", []string{`:1: relay.via: path "/` + xs(103) + `.127" has 108 bytes, a unix socket's at most 107: shorten it by 1`}},
	{"via_play_secret", []string{`:1: relay.via: any user of this machine can play from 127.0.0.1:19900, and apps has a play_secret: write unix:/path`}},
	{"via_public", []string{`:1: relay.via: 19900 can be reached from other machines, but is for the workers of this one: write 127.0.0.1:port or unix:/path`}},
	{"via_range", []string{`:1: relay.via: port 65500 + worker 127 = 65627 is out of range 1..65535: choose a base port from 1 to 65408`}},
	{"workers_high", []string{`:1: workers: 129 is out of range 1..128: write auto, or a number from 1 to 128`}},
	{"workers_word", []string{`:1: workers: "many" is not a number of workers: write auto, or a number from 1 to 128`}},
	{"workers_zero", []string{`:1: workers: 0 is out of range 1..128: write auto, or a number from 1 to 128`}},
	{"zone_range", []string{
		`:2: stream_zone.buckets: 0 is out of range 1..16777216: choose a number in it`,
		`:3: stream_zone.streams: 16777215 is out of range 1..16777214: choose a number in it`,
		`:4: stream_zone.name_max: 65536 is out of range 1..65535: choose a number in it`,
	}},
}

func TestBadFiles(t *testing.T) {
	tested := make(map[string]bool)
	for _, test := range slices.Concat(badFiles, badRTMPFiles) {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join("testdata", test.name+".bad.yml")
			tested[file] = true
			c, err := load(file, nil)
			if err == nil {
				t.Fatalf("no error, but %+v", c)
			}
			var got []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				after, ok := strings.CutPrefix(line, file)
				if !ok {
					t.Errorf("no file name: %s", line)
				}
				got = append(got, after)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var e Error
			if !errors.As(err, &e) || e.File != file || e.Line == 0 {
				t.Errorf("the error holds %#v", e)
			}
		})
	}
	files, err := filepath.Glob("testdata/*.bad.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !tested[file] {
			t.Errorf("%s is in no test", file)
		}
	}
}
