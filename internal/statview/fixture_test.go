package statview

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// live is a stream as a worker that has it tells of it.
func live(app, name string, worker int, change func(*api.Stream)) api.Stream {
	since := noon.Add(-time.Hour)
	s := api.Stream{
		App: app, Name: name, State: api.StateLive, OwnerSlot: new(worker), OwnerWorker: new(worker), Since: &since, Uptime: new(3600.0),
		VideoCodec: "h264", AudioCodec: "aac", BitrateOut: 24e6, Players: 10,
		Media: &api.StreamMedia{
			BitrateIn: 2.5e6, Video: &api.VideoInfo{Width: 1920, Height: 1080, FPS: 29.97}, GOP: &api.GOPInfo{KeyframeInterval: 2},
			Health: &api.HealthInfo{LastFrame: noon.Add(-40 * time.Millisecond)},
		},
	}
	if change != nil {
		change(&s)
	}
	return s
}

// fixture is a server with a bit of everything.
func fixture() *ctl.Status {
	return &ctl.Status{
		Time: noon, Version: "1.2.3",
		Workers: api.WorkersAnswer{
			Coverage: api.Coverage{Expected: 3, Answered: 2, Errors: []api.WorkerError{{Worker: 1, Reason: "timeout"}}},
			Workers: []api.WorkerInfo{
				{
					Worker: 0, PID: 100, State: api.WorkerReady, Started: noon.Add(-50 * time.Hour), Sessions: 12, Publishers: 2, Players: 9,
					Load: api.Load{CPU: 0.256, RSS: 88 << 20, BitrateIn: 5e6, BitrateOut: 1.234e9},
				},
				{Worker: 2, PID: 102, State: api.WorkerDraining, Started: noon.Add(-90 * time.Second), Restarts: 2},
			},
		},
		Streams: api.StreamsAnswer{Streams: []api.Stream{
			live("live", "cam", 0, nil),
			live("live", "Süd kamera", 2, func(s *api.Stream) { s.Media.Health.Forward, s.Media.Health.Backward, s.Players = 1, 2, 0 }),
			live("live", "stuck", 0, func(s *api.Stream) { s.Media.Health.LastFrame = noon.Add(-12 * time.Second) }),
			live("radio", "one", 0, func(s *api.Stream) { s.VideoCodec, s.Media.Video, s.Media.GOP, s.Media.BitrateIn = "", nil, nil, 128e3 }),
			live("live", "new", 0, func(s *api.Stream) { s.Media = &api.StreamMedia{}; s.Uptime = new(0.4) }),
			{App: "live", Name: "later", State: api.StateWaiting, Players: 4},
			{App: "live", Name: "orphan", State: api.StateLive, OwnerSlot: new(1), Media: &api.StreamMedia{Health: &api.HealthInfo{LastFrame: noon}}},
		}},
	}
}

// hostile are names that a terminal must not get, or not anywhere.
var hostile = map[string]string{
	"\x1b[2J\x1b]0;owned\a":           `"live/\x1b[2J\x1b]0;owned\a"`,
	"\u009b31m":                       `"live/\u009b31m"`,
	"\u202edrow":                      `"live/\u202edrow"`,
	"a\nb\tc":                         `"live/a\nb\tc"`,
	"\xff\xfe":                        `"live/\xff\xfe"`,
	"[red]x[\"\"]":                    `"live/[red]x[\"\"]"`,
	"\u0301\u0301x":                   `"live/\u0301\u0301x"`,
	"z\u0301\u0302\u0303\u0304\u0305": `"live/z\u0301\u0302\u0303\u0304\u0305"`,
	"ein name":                        `"live/ein name"`,
	"カメラ一":                            "live/カメラ一",
	"u\u0308ber":                      "live/u\u0308ber",
	"\u05e9\u05dc\u05d5\u05dd":        "live/\u05e9\u05dc\u05d5\u05dd",
}

func hostileStatus() *ctl.Status {
	s := fixture()
	s.Version, s.Workers.Workers[0].State, s.Workers.Errors[0].Reason = "1.2.3", "\x1b[31mready", "\x1b]0;x\a"
	s.Streams.Streams = nil
	for name := range hostile {
		s.Streams.Streams = append(s.Streams.Streams, live("live", name, 0, func(s *api.Stream) { s.VideoCodec = "\x1b[5mh264" }))
	}
	return s
}
