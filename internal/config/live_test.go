package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// onPort is an address on this machine.
func onPort(port int) multiport.Addr {
	return multiport.Addr{Network: multiport.TCP, Host: "127.0.0.1", Port: port}
}

// running is a valid configuration with two of everything that there are lists of.
func running() *Config {
	c := diffable()
	c.Workers = 3
	c.Relay.Via = multiport.Addr{Network: multiport.Unix, Path: "/run/via"}
	c.RTMP.Listen = []multiport.Addr{onPort(1935), onPort(1936)}
	c.RTMP.TLS = TLS{Listen: []multiport.Addr{onPort(1443), onPort(1444)}, Cert: "/c.pem", Key: "/k.pem", MinVersion: TLS12}
	c.HTTP.Listen = []multiport.Addr{onPort(8080), onPort(8081)}
	c.HTTP.Token = "a token of 16 bytes"
	c.HTTP.Hosts = []string{"a.example"}
	c.Apps[1].PublishSecret = "a third of 16 bytes"
	c.Apps[0].PlaySecret = "a fourth of 16 bytes"
	c.MultiListen = []MultiListen{{Listen: onPort(2000), Serves: RTMP}, {Listen: onPort(2010), Serves: HTTP}}
	return c
}

// changedValues are valid ones for keys that alter has none for.
var changedValues = map[string]func(*Config){
	"rtmp.listen":              func(c *Config) { c.RTMP.Listen = append(c.RTMP.Listen, onPort(9001)) },
	"rtmp.limits.command_size": func(c *Config) { c.RTMP.Limits.CommandSize-- },
	"rtmp.tls.listen":          func(c *Config) { c.RTMP.TLS.Listen = append(c.RTMP.TLS.Listen, onPort(9001)) },
	"rtmp.tls.min_version":     func(c *Config) { c.RTMP.TLS.MinVersion = TLS13 },
	"rtmp.proxy_protocol":      func(c *Config) { c.RTMP.ProxyProtocol = nil },
	"http.listen":              func(c *Config) { c.HTTP.Listen = append(c.HTTP.Listen, onPort(9001)) },
	"http.hosts":               func(c *Config) { c.HTTP.Hosts = nil },
	"http.cors_origins":        func(c *Config) { c.HTTP.CORSOrigins = nil },
	"apps[0].on_conflict":      func(c *Config) { c.Apps[0].OnConflict = Takeover },
	"log.level":                func(c *Config) { c.Log.Level = "debug" },
	"log.format":               func(c *Config) { c.Log.Format = "json" },
	"run_dir":                  func(c *Config) { c.RunDir = "/run/x" },
	"relay.via":                func(c *Config) { c.Relay.Via.Path = "/run/other" },
}

// Every key, changed alone, is either applied or left for a restart; which, NeedsRestart says.
func TestChangeOfEveryKey(t *testing.T) {
	t.Parallel()
	if err := running().Validate(); err != nil {
		t.Fatal(err)
	}
	var tried []string
	for _, path := range everyPath(reflect.TypeFor[Config](), nil) {
		next := running()
		key, v := reach(next, path)
		tried = append(tried, strings.ReplaceAll(key, "[0]", "[]"))
		if strings.HasPrefix(key, "multi_listen") {
			continue // to change one is to remove it: see TestChangeOfAddresses
		}
		if other := changedValues[key]; other != nil {
			other(next)
		} else {
			alter(t, key, v)
		}
		ch, err := running().ChangeTo(next)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		applied, restart := []string{key}, []string(nil)
		want := next
		if NeedsRestart(key) {
			applied, restart, want = restart, applied, running()
		}
		if !slices.Equal(ch.Applied, applied) || !slices.Equal(ch.Restart, restart) || len(ch.Kept) > 0 || ch.Nothing() {
			t.Errorf("%s was changed: applied %q, for a restart %q, kept %v", key, ch.Applied, ch.Restart, ch.Kept)
		}
		if d := Diff(ch.Config, want); len(d) > 0 {
			t.Errorf("%s was changed: it runs with other %q", key, d)
		}
	}
	slices.Sort(tried)
	for key := range leaves(reflect.ValueOf(*Default()), "") {
		if _, found := slices.BinarySearch(tried, key); !found {
			t.Errorf("%s was not tried", key)
		}
	}
	for _, key := range restartKeys {
		if _, found := slices.BinarySearch(tried, key); !found {
			t.Errorf("%s is no key", key)
		}
	}
}

// reach returns the key and the value that a path leads to, in the first of each list.
func reach(c *Config, path []int) (string, reflect.Value) {
	var names []string
	v := reflect.ValueOf(c).Elem()
	for _, field := range path {
		name := v.Type().Field(field).Tag.Get("yaml")
		if v = v.Field(field); isMappings(v.Type()) {
			name, v = name+"[0]", v.Index(0)
		}
		names = append(names, name)
	}
	return strings.Join(names, "."), v
}

// What is added is applied, what is removed is kept in its place, and said until the end. The same file again applies nothing and says the same.
func TestChangeOfAddresses(t *testing.T) {
	t.Parallel()
	type lists struct {
		rtmp, rtmps, http []int
		multi             []MultiListen
	}
	was := lists{[]int{1935, 1936}, []int{1443, 1444}, []int{8080, 8081}, running().MultiListen}
	multi := func(port int, serves Protocol) MultiListen { return MultiListen{Listen: onPort(port), Serves: serves} }
	with := func(change func(*lists)) lists {
		l := lists{slices.Clone(was.rtmp), slices.Clone(was.rtmps), slices.Clone(was.http), slices.Clone(was.multi)}
		change(&l)
		return l
	}
	noTLS := func(c *Config) { c.RTMP.TLS.Cert, c.RTMP.TLS.Key = "", "" }
	for _, c := range []struct {
		name             string
		change           func(*Config)
		applied, restart []string
		kept             []int
		want             lists
		added            []int
	}{
		{
			name: "one more of each", change: func(c *Config) {
				c.RTMP.Listen = append(c.RTMP.Listen, onPort(9001))
				c.RTMP.TLS.Listen = append(c.RTMP.TLS.Listen, onPort(9002))
				c.HTTP.Listen = append(c.HTTP.Listen, onPort(9003))
				c.MultiListen = append(c.MultiListen, multi(9010, RTMPS))
			},
			applied: []string{"rtmp.listen", "rtmp.tls.listen", "http.listen", "multi_listen[2]"},
			want: lists{
				append(slices.Clone(was.rtmp), 9001), append(slices.Clone(was.rtmps), 9002), append(slices.Clone(was.http), 9003),
				append(slices.Clone(was.multi), multi(9010, RTMPS)),
			},
			added: []int{9001, 9002, 9003, 9010},
		},
		{
			name: "the first of each removed", change: func(c *Config) {
				c.RTMP.Listen, c.RTMP.TLS.Listen, c.HTTP.Listen, c.MultiListen = c.RTMP.Listen[1:], c.RTMP.TLS.Listen[1:], c.HTTP.Listen[1:], c.MultiListen[1:]
			},
			restart: []string{"rtmp.listen", "rtmp.tls.listen", "http.listen", "multi_listen[0].listen", "multi_listen[0].serves", "multi_listen[1]"},
			kept:    []int{1935, 1443, 8080, 2000}, want: was,
		},
		{
			name: "all of http removed, and one of rtmp", change: func(c *Config) { c.HTTP.Listen, c.RTMP.Listen = nil, c.RTMP.Listen[:1] },
			restart: []string{"rtmp.listen", "http.listen"}, kept: []int{1936, 8080, 8081}, want: was,
		},
		{
			name: "replaced", change: func(c *Config) { c.RTMP.Listen[0], c.MultiListen[1].Listen = onPort(9001), onPort(9010) },
			applied: []string{"rtmp.listen", "multi_listen[2]"}, restart: []string{"rtmp.listen", "multi_listen[1].listen", "multi_listen[2]"},
			kept: []int{1935, 2010}, added: []int{9001, 9010},
			want: with(func(l *lists) { l.rtmp, l.multi = append(l.rtmp, 9001), append(l.multi, multi(9010, HTTP)) }),
		},
		{
			name: "reordered", change: func(c *Config) {
				slices.Reverse(c.RTMP.Listen)
				slices.Reverse(c.RTMP.TLS.Listen)
				slices.Reverse(c.HTTP.Listen)
				slices.Reverse(c.MultiListen)
			},
			applied: []string{
				"rtmp.listen", "rtmp.tls.listen", "http.listen", "multi_listen[0].listen", "multi_listen[0].serves", "multi_listen[1].listen",
				"multi_listen[1].serves",
			},
			want: with(func(l *lists) {
				slices.Reverse(l.rtmp)
				slices.Reverse(l.rtmps)
				slices.Reverse(l.http)
				slices.Reverse(l.multi)
			}),
		},
		{
			name: "no certificate any more", change: noTLS,
			restart: []string{"rtmp.tls.cert", "rtmp.tls.key"}, kept: []int{1443, 1444}, want: was,
		},
		{
			name: "no certificate any more, other addresses for one", change: func(c *Config) {
				noTLS(c)
				c.RTMP.TLS.Listen, c.RTMP.TLS.MinVersion = []multiport.Addr{onPort(1444), onPort(9001)}, TLS13
			},
			restart: []string{"rtmp.tls.listen", "rtmp.tls.cert", "rtmp.tls.key", "rtmp.tls.min_version"}, kept: []int{1443, 1444}, want: was,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := running()
			next := running()
			c.change(next)
			ch, err := now.ChangeTo(next)
			if err != nil {
				t.Fatal(err)
			}
			to := ch.Config
			got := lists{numbers(to.RTMP.Listen), numbers(to.RTMP.TLS.Listen), numbers(to.HTTP.Listen), to.MultiListen}
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(lists{})); d != "" {
				t.Errorf("it listens on (-want +got)\n%s", d)
			}
			if d := cmp.Diff(c.applied, ch.Applied); d != "" {
				t.Errorf("applied (-want +got)\n%s", d)
			}
			if d := cmp.Diff(c.restart, ch.Restart); d != "" {
				t.Errorf("for a restart (-want +got)\n%s", d)
			}
			if got := ports(ch.Kept); !slices.Equal(got, c.kept) {
				t.Errorf("kept %v, want %v", got, c.kept)
			}
			if got := ports(now.Added(to)); !slices.Equal(got, c.added) {
				t.Errorf("added %v, want %v", got, c.added)
			}
			again, err := to.ChangeTo(next)
			if err != nil {
				t.Fatal(err)
			}
			if len(again.Applied) > 0 || !slices.Equal(again.Restart, ch.Restart) || !slices.Equal(ports(again.Kept), c.kept) || len(to.Added(again.Config)) > 0 {
				t.Errorf("again: applied %q, for a restart %q, kept %v", again.Applied, again.Restart, again.Kept)
			}
			if back, err := to.ChangeTo(running()); err != nil || len(back.Restart) > len(c.added) || c.added == nil && len(back.Kept) > 0 {
				t.Errorf("back: %+v, %v", back, err)
			}
		})
	}
}

func numbers(all []multiport.Addr) (ports []int) {
	for _, a := range all {
		ports = append(ports, a.Port)
	}
	return ports
}

func ports(all []Listen) (ports []int) {
	for _, l := range all {
		ports = append(ports, l.Addr.Port)
	}
	return ports
}

// A certificate where there was none opens the addresses for it.
func TestChangeToRTMPS(t *testing.T) {
	t.Parallel()
	now := running()
	now.RTMP.TLS.Cert, now.RTMP.TLS.Key = "", ""
	ch, err := now.ChangeTo(running())
	if err != nil {
		t.Fatal(err)
	}
	if got := ports(now.Added(ch.Config)); !slices.Equal(got, []int{1443, 1444}) || len(ch.Restart)+len(ch.Kept) > 0 {
		t.Errorf("added %v; %+v", got, ch)
	}
}

// The private sockets are no part of it, wherever they are; nor is an entry that only names them.
func TestChangeOfPrivateAddresses(t *testing.T) {
	t.Parallel()
	now, next := running(), running()
	next.Relay.Via = multiport.Addr{}
	ch, err := now.ChangeTo(next)
	if err != nil || len(ch.Kept)+len(ch.Applied) > 0 || !slices.Equal(ch.Restart, []string{"relay.via"}) || ch.Config.Relay.Via != now.Relay.Via {
		t.Errorf("without relay.via: %+v, %v", ch, err)
	}
	now.MultiListen = append(now.MultiListen, MultiListen{Listen: now.Relay.Via, Serves: RTMP})
	if ch, err = now.ChangeTo(running()); err != nil || len(ch.Kept)+len(ch.Restart) > 0 || len(now.Added(ch.Config)) > 0 {
		t.Errorf("without an entry that names the private ones: %+v, %v", ch, err)
	}
}

// What is valid alone, but not beside what stays until a restart, is refused.
func TestChangeCollides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ was, change func(*Config) }{
		"an address that is served otherwise": {
			change: func(c *Config) {
				c.RTMP.Listen, c.HTTP.Listen = []multiport.Addr{onPort(8080)}, []multiport.Addr{onPort(8081)}
			},
		},
		"all addresses of a port, of which one is kept": {
			change: func(c *Config) { c.RTMP.Listen = []multiport.Addr{{Network: multiport.TCP, Port: 1935}} },
		},
		"a range that a shared address was in": {
			change: func(c *Config) { c.RTMP.Listen[0], c.MultiListen[0].Listen = onPort(9001), onPort(1933) },
		},
		"a range that had only fewer workers": {
			change: func(c *Config) { c.Workers, c.RTMP.Listen = 1, append(c.RTMP.Listen, onPort(2001)) },
		},
		"the sockets of relays, which stay": {
			change: func(c *Config) {
				c.RTMP.Listen = append(c.RTMP.Listen, multiport.Addr{Network: multiport.Unix, Path: c.Relay.Via.Path + ".0"})
				c.Relay.Via.Path = "/run/other"
			},
		},
		"a secret for playing, while anybody here can play from the sockets of relays": {
			was: func(c *Config) {
				c.Relay.Via = onPort(3000)
				c.Apps = nil
			},
			change: func(*Config) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, next := running(), running()
			if c.was != nil {
				c.was(now)
			}
			c.change(next)
			for _, config := range []*Config{now, next} {
				if err := config.Validate(); err != nil {
					t.Fatal(err)
				}
			}
			if ch, err := now.ChangeTo(next); !errors.Is(err, ErrCollides) || !errors.As(err, new(Errors)) || ch != nil {
				t.Errorf("%+v, %v", ch, err)
			}
		})
	}
}

// Neither of the two is changed, nor what both of them will be part of.
func TestChangeLeavesItsArguments(t *testing.T) {
	t.Parallel()
	now, next := running(), running()
	for _, c := range []*Config{now, next} { // with room, in which nobody else may write
		c.RTMP.Listen, c.RTMP.TLS.Listen = slices.Grow(c.RTMP.Listen, 9), slices.Grow(c.RTMP.TLS.Listen, 9)
		c.HTTP.Listen, c.MultiListen = slices.Grow(c.HTTP.Listen, 9), slices.Grow(c.MultiListen, 9)
	}
	next.RTMP.Listen, next.RTMP.TLS.Listen = append(next.RTMP.Listen[:0], onPort(9001)), append(next.RTMP.TLS.Listen[:0], onPort(9002))
	next.HTTP.Listen, next.MultiListen = append(next.HTTP.Listen[:0], onPort(9003)), append(next.MultiListen[:0], MultiListen{Listen: onPort(9010), Serves: HTTP})
	text := func() string {
		var all strings.Builder
		for _, c := range []*Config{now, next} {
			whole := *c
			whole.RTMP.Listen, whole.RTMP.TLS.Listen = c.RTMP.Listen[:cap(c.RTMP.Listen)], c.RTMP.TLS.Listen[:cap(c.RTMP.TLS.Listen)]
			whole.HTTP.Listen, whole.MultiListen = c.HTTP.Listen[:cap(c.HTTP.Listen)], c.MultiListen[:cap(c.MultiListen)]
			fmt.Fprintf(&all, "%+v\n", whole)
		}
		return all.String()
	}
	before := text()
	ch, err := now.ChangeTo(next)
	if err != nil {
		t.Fatal(err)
	}
	if len(ch.Kept) != 8 {
		t.Errorf("kept %v", ch.Kept)
	}
	now.Added(ch.Config)
	if _, err := ch.Config.ChangeTo(running()); err != nil {
		t.Fatal(err)
	}
	if after := text(); after != before {
		t.Errorf("they were\n%s\nand are\n%s", before, after)
	}
}

// What a worker gets of it over JSON is the same.
func TestChangeSurvivesJSON(t *testing.T) {
	t.Parallel()
	next := running()
	next.RTMP.Listen, next.Live.GOPCache = []multiport.Addr{onPort(9001)}, false
	ch, err := running().ChangeTo(next)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(ch.Config)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d := Diff(ch.Config, &got); len(d) > 0 {
		t.Errorf("%q arrive otherwise", d)
	}
}
