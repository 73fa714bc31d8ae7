package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"a number with a text", func(c *Config) { c.Workers = 3 }, []string{"workers"}},
		{"a string", func(c *Config) { c.RunDir = "/run/x" }, []string{"run_dir"}},
		{"a duration", func(c *Config) { c.ShutdownTimeout++ }, []string{"shutdown_timeout"}},
		{"numbers", func(c *Config) { c.StreamZone.Streams, c.StreamZone.Buckets = 1, 2 }, []string{"stream_zone.buckets", "stream_zone.streams"}},
		{"a size", func(c *Config) { c.RTMP.Limits.MediaSize = 1 << 20 }, []string{"rtmp.limits.media_size"}},
		{"a bool", func(c *Config) { c.Live.GOPCache = false }, []string{"live.gop_cache"}},
		{"an address", func(c *Config) { c.Relay.Via = multiport.Addr{Network: multiport.Unix, Path: "/run/r"} }, []string{"relay.via"}},
		{"an address in a list", func(c *Config) { c.RTMP.Listen[1].Port++ }, []string{"rtmp.listen"}},
		{"one more address", func(c *Config) { c.HTTP.Listen = append(c.HTTP.Listen, c.HTTP.Listen[0]) }, []string{"http.listen"}},
		{"no address", func(c *Config) { c.HTTP.Listen = nil }, []string{"http.listen"}},
		{"an order of addresses", func(c *Config) { slices.Reverse(c.RTMP.Listen) }, []string{"rtmp.listen"}},
		{"no list and an empty one", func(c *Config) { c.RTMP.TLS.Listen = []multiport.Addr{} }, nil},
		{
			"the length of a prefix", func(c *Config) { c.RTMP.ProxyProtocol[0] = Prefix(netip.MustParsePrefix("10.0.0.0/9")) },
			[]string{"rtmp.proxy_protocol"},
		},
		{"a secret", func(c *Config) { c.Apps[1].PlaySecret = "another of 16 bytes" }, []string{"apps[1].play_secret"}},
		{"one more app", func(c *Config) { c.Apps = append(c.Apps, App{Name: "x"}, App{Name: "y"}) }, []string{"apps[2]", "apps[3]"}},
		{"no apps", func(c *Config) { c.Apps = nil }, []string{"apps[0]", "apps[1]"}},
		{"a named string", func(c *Config) { c.MultiListen[0].Serves = HTTP }, []string{"multi_listen[0].serves"}},
		{
			"many keys", func(c *Config) { c.Log.Level, c.Workers, c.Apps[0].Name, c.Live.MaxLag = "warn", 9, "z", time.Hour },
			[]string{"workers", "apps[0].name", "live.max_lag", "log.level"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := diffable(), diffable()
			c.change(b)
			if diff := cmp.Diff(c.want, Diff(a, b)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(c.want, Diff(b, a)); diff != "" {
				t.Errorf("the other way round: -want +got\n%s", diff)
			}
		})
	}
}

// diffable is a configuration with something in its lists.
func diffable() *Config {
	c := Default()
	c.RTMP.Listen = append(c.RTMP.Listen, multiport.Addr{Network: multiport.TCP, Host: "::1", Port: 1})
	c.RTMP.TLS.Listen = nil
	c.RTMP.ProxyProtocol = []Prefix{Prefix(netip.MustParsePrefix("10.0.0.0/8"))}
	c.Apps = []App{{Name: "a", PublishSecret: "one of 16 bytes!"}, {Name: "b", PlaySecret: "a second of these"}}
	c.MultiListen = []MultiListen{{Listen: multiport.Addr{Network: multiport.TCP, Port: 2}, Serves: RTMP}}
	return c
}

// TestDiffNoticesEveryKey changes one key after the other.
func TestDiffNoticesEveryKey(t *testing.T) {
	t.Parallel()
	a := diffable()
	noticed := map[string]bool{}
	for _, path := range everyPath(reflect.TypeFor[Config](), nil) {
		b := diffable()
		var names []string
		v := reflect.ValueOf(b).Elem()
		for _, field := range path {
			name := v.Type().Field(field).Tag.Get("yaml")
			v = v.Field(field)
			if isMappings(v.Type()) {
				name, v = name+"[0]", v.Index(0)
			}
			names = append(names, name)
		}
		key := strings.Join(names, ".")
		alter(t, key, v)
		if got := Diff(a, b); !slices.Equal(got, []string{key}) {
			t.Errorf("%s was changed: Diff = %q", key, got)
		}
		noticed[strings.ReplaceAll(key, "[0]", "[]")] = true
	}
	for key := range leaves(reflect.ValueOf(*Default()), "") {
		if !noticed[key] {
			t.Errorf("%s was not tried", key)
		}
	}
}

// everyPath returns the fields, by number, that lead to each value.
func everyPath(t reflect.Type, at []int) (paths [][]int) {
	if isMappings(t) {
		t = t.Elem()
	}
	if _, isText := reflect.Zero(t).Interface().(interface{ MarshalText() ([]byte, error) }); isText || t.Kind() != reflect.Struct {
		return [][]int{slices.Clone(at)}
	}
	for i := range t.NumField() {
		paths = append(paths, everyPath(t.Field(i).Type, append(at, i))...)
	}
	return paths
}

// alter changes a value.
func alter(t *testing.T, key string, v reflect.Value) {
	t.Helper()
	switch {
	case v.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case v.Type() == reflect.TypeFor[multiport.Addr]():
		v.Set(reflect.ValueOf(multiport.Addr{Network: multiport.TCP, Port: 9}))
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "x")
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		t.Fatalf("%s: how to change a %v?", key, v.Type())
	}
}
