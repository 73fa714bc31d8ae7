package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/machine"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

func addr(t *testing.T, s string) multiport.Addr {
	t.Helper()
	a, err := multiport.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func addrs(t *testing.T, texts ...string) []multiport.Addr {
	t.Helper()
	list := make([]multiport.Addr, len(texts))
	for i, s := range texts {
		list[i] = addr(t, s)
	}
	return list
}

// everyKey is testdata/every_key.good.yml.
func everyKey(t *testing.T) *Config {
	t.Helper()
	return &Config{
		Workers:    7,
		RunDir:     "/run/x",
		StreamZone: StreamZone{Buckets: 1, Streams: 2, NameMax: 3},
		RTMP:       everyRTMPKey(t),
		Apps: []App{{
			Name: "a/b", OnConflict: Takeover, PublishSecret: "publish secret !", PlaySecret: "play secret 4567",
			Flush: Flush{time.Millisecond, 2 * time.Millisecond},
		}},
		HTTP: HTTPServer{
			Listen: addrs(t, "2", "unix:/run/h"), Token: "token of 16 byte", Hosts: []string{"a.example"}, CORSOrigins: []string{"https://b.example"},
		},
		MultiListen: []MultiListen{{Listen: addr(t, "127.0.0.1:3"), Serves: HTTP}},
		Relay:       Relay{Via: addr(t, "unix:/run/via"), ConnectTimeout: 4 * time.Second},
		Live: Live{
			RepublishWait: 6 * time.Second,
			PlayWait:      90 * time.Second,
			StallTimeout:  500 * time.Millisecond,
			MaxLag:        7 * time.Second,
			LogBytes:      1 << 30,
			LogDuration:   9 * time.Second,
			Flush:         Flush{3 * time.Millisecond, 4 * time.Millisecond},
		},
		Metrics: Metrics{Streams: 7},
		Log:     Log{Level: "error", Format: "json"},
	}
}

func everyRTMPKey(t *testing.T) RTMPServer {
	t.Helper()
	return RTMPServer{
		Listen:        addrs(t, "[::1]:1"),
		TLS:           TLS{Listen: addrs(t, "[::1]:4", "unix:/run/t"), Cert: "/c.pem", Key: "k.pem", MinVersion: "1.3"},
		ProxyProtocol: prefixes("10.0.0.0/8", "::1/128"),
		IdleTimeout:   1 * time.Second,
		KeepAlive:     2 * time.Second,
		UserTimeout:   3 * time.Second,
		Limits: Limits{
			Connections: 1, ConnectionsPerAddress: 2, AcceptRate: 3, AcceptBurst: 4,
			HandshakeTimeout: 1 * time.Second, ConnectTimeout: 2 * time.Second, CommandTimeout: 3 * time.Second, WriteTimeout: 4 * time.Second,
			ChunkStreams: 5, MediaSize: 1 << 20, CommandSize: 5 << 10, DataSize: 6 << 10, InFlight: 2 << 20, IdleInFlight: 7 << 10,
			MessageStreams: 6, CommandRate: 7, CommandBurst: 18, StrayMessages: 9, AMFDepth: 10, AMFNodes: 111,
			PublishBurst: 12, PublishInterval: 5 * time.Second,
		},
	}
}

func prefixes(texts ...string) []Prefix {
	var list []Prefix
	for _, s := range texts {
		list = append(list, Prefix(netip.MustParsePrefix(s)))
	}
	return list
}

var comparePrefixes = cmp.Comparer(func(a, b Prefix) bool { return a == b })

func TestGoodFiles(t *testing.T) {
	// What each testdata/name.good.yml changes of the default.
	want := map[string]func(c *Config){
		"empty":          func(*Config) {},
		"comments":       func(*Config) {},
		"nulls":          func(*Config) {},
		"document_marks": func(c *Config) { c.Workers = 3 },
		"aliases": func(c *Config) {
			c.RTMP.Listen = addrs(t, "unix:/run/a")
			c.HTTP.Listen = addrs(t, "8080")
			c.MultiListen = []MultiListen{{addr(t, "19350"), RTMP}}
			c.Live.PlayWait, c.Live.RepublishWait = 20*time.Second, 20*time.Second
		},
		"listen_forms": func(c *Config) {
			c.Workers = 4
			c.RTMP.Listen = addrs(t, "1935", "1936", "127.0.0.1:1937", "0.0.0.0:1938", "[::1]:1938", "unix:/run/rtmp.sock")
			c.HTTP.Listen = []multiport.Addr{}
			c.MultiListen = []MultiListen{
				{addr(t, "65532"), RTMP},
				{addr(t, "[::1]:19350"), RTMP},
				{addr(t, "127.0.0.1:19350"), HTTP},
				{addr(t, "unix:/run/rtmp.sock"), RTMP},
			}
		},
		"private_as_multi_listen": func(c *Config) {
			c.Workers = 4
			c.RunDir = "/run/rtmp-edge"
			c.RTMP.Listen = addrs(t, "127.0.0.1:1935")
			c.MultiListen = []MultiListen{
				{addr(t, "127.0.0.1:19350"), RTMP},
				{addr(t, "unix:/run/rtmp-edge/http.sock"), HTTP},
			}
			c.Relay.Via = addr(t, "unix:/run/rtmp-edge/rtmp.sock")
		},
		"every_key":    func(c *Config) { *c = *everyKey(t) },
		"secret_files": secretFiles,
		"rtmps_only": func(c *Config) {
			c.RTMP.Listen = []multiport.Addr{}
			c.RTMP.TLS = TLS{addrs(t, "443"), "/c.pem", "/k.pem", TLS13}
			c.MultiListen = []MultiListen{{addr(t, "19350"), RTMPS}}
		},
		"tls_listen_unused": func(c *Config) {
			c.RTMP.Listen = addrs(t, "1936")
			c.RTMP.TLS.Listen = append(addrs(t, "1936"), multiport.Addr{})
		},
		"prefixes": func(c *Config) {
			c.RTMP.ProxyProtocol = prefixes(
				"10.0.0.1/32", "10.0.0.0/8", "0.0.0.0/0", "::1/128", "fd00::/8", "192.0.2.7/32", "192.0.2.0/24", "192.0.2.7/32",
			)
		},
		"apps": func(c *Config) {
			c.Apps = []App{
				{Name: "live", OnConflict: Takeover, PublishSecret: "sixteen-bytes-xx"},
				{Name: "live/east", OnConflict: Reject, PlaySecret: "0123456789012345"},
				{Name: AnyApp},
			}
		},
		"limits_bounds": func(c *Config) {
			const most = 1<<24 - 1
			c.RTMP.IdleTimeout, c.RTMP.KeepAlive, c.RTMP.UserTimeout = 0, 0, 0
			c.Live.StallTimeout = time.Hour
			l := &c.RTMP.Limits
			l.Connections, l.ConnectionsPerAddress, l.AcceptRate, l.AcceptBurst = 1, 1<<20, 1, 1
			l.HandshakeTimeout, l.ChunkStreams = 10*time.Second, 65597
			l.MediaSize, l.CommandSize, l.DataSize, l.InFlight, l.IdleInFlight = most, most, most, most, most
			l.MessageStreams, l.CommandRate, l.CommandBurst, l.StrayMessages, l.AMFDepth, l.AMFNodes, l.PublishBurst = 1, 1, 10, 1, 4, 64, 1
			l.PublishInterval = 0
		},
	}
	files, err := filepath.Glob("testdata/*.good.yml")
	if err != nil || len(files) != len(want) {
		t.Errorf("%d files for %d tests, %v", len(files), len(want), err)
	}
	for name, change := range want {
		t.Run(name, func(t *testing.T) {
			got, err := load(filepath.Join("testdata", name+".good.yml"), nil)
			if err != nil {
				t.Fatal(err)
			}
			c := Default()
			change(c)
			if diff := cmp.Diff(c, got, comparePrefixes); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestEveryKeyIsWired: a file can change everything there is.
func TestEveryKeyIsWired(t *testing.T) {
	changed := leaves(reflect.ValueOf(*everyKey(t)), "")
	files := Default()
	secretFiles(files)
	named := leaves(reflect.ValueOf(*files), "")
	for key, value := range leaves(reflect.ValueOf(*Default()), "") {
		if changed[key] == value && named[key] == value {
			t.Errorf("%s is %q in every_key.good.yml and secret_files.good.yml too", key, value)
		}
	}
}

// secretFiles is testdata/secret_files.good.yml, in which no secret can be written where its file is named.
func secretFiles(c *Config) {
	c.HTTP.TokenFile, c.HTTP.Token = "testdata/secrets/token", "token in a file of its own"
	c.Apps = []App{{
		Name:              "live",
		PublishSecretFile: "testdata/secrets/publish", PublishSecret: "secret for publishers",
		PlaySecretFile: "testdata/secrets/play", PlaySecret: "secret for players",
	}}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if a, b := Default(), Default(); a == b || &a.RTMP.Listen[0] == &b.RTMP.Listen[0] {
		t.Error("two defaults share memory")
	}
}

// TestJSON: a configuration reaches the workers as it is.
func TestJSON(t *testing.T) {
	for _, want := range []*Config{Default(), everyKey(t)} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := new(Config)
		if err := json.Unmarshal(data, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, comparePrefixes); diff != "" {
			t.Errorf("-want +got\n%s\n%s", diff, data)
		}
	}
}

func TestLoadMissingFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none.yml")
	if _, err := Load(file); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
}

// TestValidateWithoutFile: what a program composed is judged like a file.
func TestValidateWithoutFile(t *testing.T) {
	c := Default()
	c.Workers = -1
	c.Log.Level = "loud"
	c.RTMP.Listen = append(c.RTMP.Listen, multiport.Addr{})
	err := c.Validate()
	const want = `workers: -1 is out of range 1..128: write auto, or a number from 1 to 128
log.level: "loud" is none of debug, info, warn, error: write one of them
rtmp.listen[1]: is missing: write an address, such as 1935, 127.0.0.1:1935, "[::1]:1935" or "unix:/path"`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
	if err := new(Config).Validate(); err == nil {
		t.Error("the zero Config is valid")
	}
}

func TestWorkers(t *testing.T) {
	m, err := machine.Read()
	if got, want := Auto.Count(), min(m.WholeCores(), 128); got != want || err != nil {
		t.Errorf("auto is %d workers, want %d, %v", got, want, err)
	}
	if got := Workers(5).Count(); got != 5 {
		t.Errorf("5 is %d workers", got)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "1B": 1, "1023B": 1023, "1KiB": 1 << 10, "64MiB": 64 << 20, "3GiB": 3 << 30, "-1KiB": -1 << 10,
		"8589934591GiB": 8589934591 << 30,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text {
			t.Errorf("%s is %d, %s, %v", text, got, got, err)
		}
	}
	var got Size
	if err := got.UnmarshalText([]byte("2048 KiB")); err != nil || got.String() != "2MiB" {
		t.Errorf("2048 KiB is %s, %v", got, err)
	}
	for _, text := range []string{"", "1", "MiB", "1.5MiB", "1 M", "8589934592GiB", "1mib"} {
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestSlogLevel(t *testing.T) {
	for level, want := range map[string]slog.Level{"debug": -4, "info": 0, "warn": 4, "error": 8} {
		c := Default()
		c.Log.Level = level
		if err := c.Validate(); err != nil || c.Log.SlogLevel() != want {
			t.Errorf("%s is %v, %v", level, c.Log.SlogLevel(), err)
		}
	}
}

// FuzzParse: no input makes it panic; what it accepts is valid, what it refuses it explains.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yml", data)
		if err == nil {
			for _, s := range c.secrets() {
				if s.file != "" && *s.value == "" { // which Load reads
					*s.value = "as in its file: fine"
				}
			}
			if err := c.Validate(); err != nil {
				t.Errorf("accepted, but %v", err)
			}
			return
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("error %#v", err)
		}
		for _, e := range all {
			if e.File != "fuzz.yml" || e.Text == "" {
				t.Errorf("%#v", e)
			}
		}
	})
}
