package bench

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func whole(*rtmp.Message) bool { return true }

// publishing publishes two streams to s while play runs, and returns what the publisher says.
func publishing(t *testing.T, s *testServer, play func(ctx context.Context)) (*PublishResult, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var r *PublishResult
	var err error
	var done sync.WaitGroup
	done.Go(func() {
		r, err = Publish(ctx, PublishOptions{
			URL: "rtmp://" + s.rtmp + "/live/cam{n}", Streams: 2, Duration: time.Minute,
			Format: Format{Bitrate: 300e3, GOP: 200 * time.Millisecond},
		})
	})
	play(ctx)
	cancel()
	done.Wait()
	return r, err
}

func TestPublishAndPlay(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, whole)
	var played, flvPlayed, wsPlayed *PlayResult
	published, err := publishing(t, s, func(ctx context.Context) {
		options := PlayOptions{
			URLs: []string{"rtmp://" + s.rtmp + "/live/cam"}, Streams: 2, Players: 12, Verify: 4, Stalled: 2, JoinRate: 50,
			Duration: 2 * time.Second, WarmUp: 100 * time.Millisecond, Server: []int{os.Getpid()},
		}
		var err error
		if played, err = Play(ctx, options); err != nil {
			t.Error(err)
		}
		options.URLs, options.Stalled, options.JoinRate = []string{"http://" + s.http + "/live/cam.flv"}, 0, 0
		if flvPlayed, err = Play(ctx, options); err != nil {
			t.Error("HTTP-FLV:", err)
		}
		options.URLs = []string{"ws://" + s.http + "/live/cam.flv"}
		if wsPlayed, err = Play(ctx, options); err != nil {
			t.Error("WebSocket-FLV:", err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if published == nil || published.Published != 2 || published.Errors > 0 || published.Bytes == 0 || published.LateMS == nil {
		t.Errorf("published: %+v", published)
	}
	for _, r := range []*PlayResult{played, flvPlayed, wsPlayed} {
		if r == nil || r.Connected != 12 || r.Playing != 12 || r.Verifying != 4 || r.Messages == 0 || r.Bytes == 0 || r.LatencyMS == nil || r.JoinMS == nil {
			t.Fatalf("played: %+v", r)
		}
		if r.Server == nil || r.Server.PSSBytes == 0 || r.Server.Processes == 0 {
			t.Errorf("server: %+v", r.Server)
		}
	}
	if played.Joins == 0 || *played.Stalled != (StallResult{2, 0}) {
		t.Errorf("%d joined; stalled %+v", played.Joins, played.Stalled)
	}
	checkTold(t, published, played)
}

// checkTold checks that results can be read by people and programs.
func checkTold(t *testing.T, published *PublishResult, played *PlayResult) {
	t.Helper()
	for _, r := range []interface{ Table() string }{published, played} {
		text, err := json.Marshal(r)
		if err != nil || !strings.Contains(string(text), `"mbit_per_second":`) || !strings.Contains(r.Table(), "Mbit/s") {
			t.Errorf("%v: %s\n%s", err, text, r.Table())
		}
	}
}

// What a server does wrong is found.
func TestPlayFinds(t *testing.T) {
	t.Parallel()
	frames := func(f func(n int, m *rtmp.Message) bool) func(*rtmp.Message) bool {
		n := 0
		return func(m *rtmp.Message) bool {
			if m.Type != rtmp.TypeVideo || !flv.ParseVideo(m.Payload).Type.Media() {
				return true
			}
			n++
			return f(n, m)
		}
	}
	for _, c := range []struct {
		name   string
		mangle func(m *rtmp.Message) bool
		found  func(r *PlayResult) bool
	}{
		{
			"a gap", frames(func(n int, _ *rtmp.Message) bool { return n%50 != 0 }),
			func(r *PlayResult) bool { return r.Gaps > 0 && r.Missing > 0 && r.Errors == 0 },
		},
		{
			"a wrong byte",
			frames(func(n int, m *rtmp.Message) bool {
				if n%50 == 0 {
					m.Payload[len(m.Payload)-1] ^= 1
				}
				return true
			}),
			func(r *PlayResult) bool { return r.Errors > 0 },
		},
		{
			"a timestamp that steps back",
			frames(func(n int, m *rtmp.Message) bool {
				if n%50 == 0 {
					m.Timestamp -= 1000
				}
				return true
			}),
			func(r *PlayResult) bool { return r.Errors > 0 && r.Gaps == 0 },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t, c.mangle)
			_, err := publishing(t, s, func(ctx context.Context) {
				r, err := Play(ctx, PlayOptions{
					URLs: []string{"rtmp://" + s.rtmp + "/live/cam{n}"}, Streams: 2, Players: 4, Verify: 4, Duration: 3 * time.Second,
				})
				if r == nil || !errors.Is(err, ErrFound) || !c.found(r) {
					t.Errorf("%v: %+v", err, r)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// An end before its time is found: of players that verify, of those that discard, and of publishers.
func TestEndsAreFound(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, whole)
	published, err := publishing(t, s, func(ctx context.Context) {
		s.serving.Go(func() { s.closeAllAt(ctx, 7) })
		r, err := Play(ctx, PlayOptions{URLs: []string{"rtmp://" + s.rtmp + "/live/cam"}, Streams: 2, Players: 6, Verify: 2, Stalled: 1, Duration: time.Minute})
		if r == nil || !errors.Is(err, ErrFound) || r.Dropped != 6 || r.Playing != 0 || *r.Stalled != (StallResult{1, 1}) {
			t.Errorf("played: %v: %+v", err, r)
		}
	})
	if !errors.Is(err, ErrFound) || published.Errors != 2 {
		t.Errorf("published: %v: %+v", err, published)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, whole)
	s.closeAll()
	url := "rtmp://127.0.0.1:1/live/cam" // a port that nobody has
	r, err := Play(t.Context(), PlayOptions{URLs: []string{url}, Players: 3, Verify: 1, Duration: time.Millisecond})
	if !errors.Is(err, ErrFound) || r.Failed != 3 || r.Connected != 0 {
		t.Errorf("play: %v: %+v", err, r)
	}
	p, err := Publish(t.Context(), PublishOptions{URL: url, Streams: 2, Format: Format{Bitrate: 1e6}, Duration: time.Millisecond})
	if !errors.Is(err, ErrFound) || p.Errors != 2 || p.Published != 0 {
		t.Errorf("publish: %v: %+v", err, p)
	}
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	const url = "rtmp://127.0.0.1/live/cam"
	for _, o := range []PlayOptions{
		{}, {URLs: []string{url}, Players: 1}, {URLs: []string{url}, Duration: 1}, {Players: 1, Duration: 1}, {URLs: []string{url}, Players: 1, Duration: 1, Stalled: -1},
	} {
		if r, err := Play(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %+v, %v", o, r, err)
		}
	}
	if r, err := Play(t.Context(), PlayOptions{URLs: []string{"rtmp://192.0.2.1/live/cam"}, Players: 1, Duration: 1}); !errors.Is(err, ErrNotLocal) {
		t.Errorf("another machine: %+v, %v", r, err)
	}
	for _, o := range []PublishOptions{
		{},
		{URL: url, Streams: 1, Duration: 1},
		{URL: url, Format: Format{Bitrate: 1e6}, Duration: 1},
		{URL: url, Format: Format{Bitrate: 1e6}, Streams: 1},
		{URL: "http://127.0.0.1/cam.flv", Format: Format{Bitrate: 1e6}, Streams: 1, Duration: 1},
	} {
		if r, err := Publish(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %+v, %v", o, r, err)
		}
	}
}

func TestServerThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := Play(t.Context(), PlayOptions{URLs: []string{"rtmp://127.0.0.1:1/live/cam"}, Players: 1, Duration: 1, Server: []int{1 << 30}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{ModeSend, ModeWritev, ModeSendfile} {
		r, err := Limit(t.Context(), LimitOptions{
			Players: 20, Bitrate: 8e6, Flush: 20 * time.Millisecond, Mode: mode, Duration: 300 * time.Millisecond, Receiver: testReceiver,
		})
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		if r.Calls < 20 || r.Bytes == 0 || r.Bytes > r.Calls*20000 || r.LateMS == nil || !strings.Contains(r.Table(), "s/GB") {
			t.Errorf("%s: %+v", mode, r)
		}
	}
	for _, o := range []LimitOptions{
		{}, {Players: 1, Bitrate: 1e6, Flush: time.Second, Duration: time.Second, Mode: "pigeon"}, {Players: 1, Bitrate: 1, Flush: time.Second, Duration: time.Second},
	} {
		if r, err := Limit(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %+v, %v", o, r, err)
		}
	}
}
