package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/bench"
)

// The page has every field that results have, and no other.
func TestBenchDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/bench.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	results := []any{&bench.PlayResult{}, &bench.PublishResult{}, &bench.LimitResult{}}
	if len(examples) != len(results) {
		t.Fatalf("%d examples", len(examples))
	}
	for i, r := range results {
		var want, got any
		if err := json.Unmarshal([]byte(examples[i][1]), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(examples[i][1]), r); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T (-documented +printed):\n%s", r, diff)
		}
	}
}

// parse reads a command line as main does.
func parse(t *testing.T, args ...string) (*cli, error) {
	t.Helper()
	var c cli
	k, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Parse(args)
	return &c, err
}

func TestBenchFlags(t *testing.T) {
	c, err := parse(t, "bench", "publish", "rtmp://localhost/live/cam", "--bitrate=2.5M", "--gop=1s", "--pid=1", "--pid=2")
	if p := c.Bench.Publish; err != nil || p.Bitrate != 2.5e6 || p.GOP != time.Second || p.FPS != 30 || p.Duration != 30*time.Second || !slices.Equal(p.PID, []int{1, 2}) {
		t.Errorf("%+v, %v", p, err)
	}
	c, err = parse(t, "bench", "play", "rtmp://localhost/live/cam", "rtmp://localhost:1936/live/cam", "-n", "7")
	if p := c.Bench.Play; err != nil || len(p.URL) != 2 || p.Players != 7 || p.Verify != 10 || p.Streams != 1 || p.WarmUp != 3*time.Second {
		t.Errorf("%+v, %v", p, err)
	}
	c, err = parse(t, "bench", "limit", "--mode=sendfile")
	if l := c.Bench.Limit; err != nil || l.Mode != bench.ModeSendfile || l.Flush != 100*time.Millisecond || l.Bitrate != 1e6 {
		t.Errorf("%+v, %v", l, err)
	}
	for _, args := range [][]string{{"bench", "play"}, {"bench", "publish", "rtmp://localhost/live/cam", "--bitrate=much"}, {"bench", "limit", "--mode=pigeon"}} {
		if _, err := parse(t, args...); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestBenchTell(t *testing.T) {
	file := filepath.Join(t.TempDir(), "result.json")
	load := benchLoad{JSON: file}
	if err := load.tell(&bench.LimitResult{Players: 3}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), `"players": 3,`) {
		t.Errorf("%s, %v", b, err)
	}
	load.JSON = filepath.Join(file, "below-a-file")
	if err := load.tell(&bench.LimitResult{}); err == nil || !strings.Contains(err.Error(), "--json") {
		t.Errorf("%v", err)
	}
}
