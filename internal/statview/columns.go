package statview

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

// A column of a table whose rows are Ts.
type column[T any] struct {
	title   string
	left    bool // aligned so, as words are; numbers are aligned right
	spare   int  // left out on a narrow screen: those with the largest number first; 0 is never
	text    func(*T) string
	compare func(a, b *T) int
}

// by compares a figure, the largest first.
func by[T any, F cmp.Ordered](figure func(*T) F) func(a, b *T) int {
	return func(a, b *T) int { return cmp.Compare(figure(b), figure(a)) }
}

// up compares a figure, the smallest first.
func up[T any, F cmp.Ordered](figure func(*T) F) func(a, b *T) int {
	return func(a, b *T) int { return cmp.Compare(figure(a), figure(b)) }
}

// figure is a column of figures.
func figure[T any, F cmp.Ordered](title string, spare int, of func(*T) F, show func(F) string) column[T] {
	return column[T]{title: title, spare: spare, text: func(row *T) string { return show(of(row)) }, compare: by(of)}
}

// words is a column of words of the server's.
func words[T any](title string, spare int, of func(*T) string) column[T] {
	return column[T]{title: title, left: true, spare: spare, text: func(row *T) string { return word(of(row)) }, compare: up(of)}
}

func key(s *api.Stream) string { return s.App + "/" + s.Name }

// streamColumns are the table of streams. The name is last: it is sorted by first.
var streamColumns = []column[api.Stream]{
	{title: "WORKER", text: owner, compare: up(func(s *api.Stream) int { return deref(s.OwnerWorker, 1<<30) })},
	{title: "AGE", text: uptime, compare: by(func(s *api.Stream) float64 { return deref(s.Uptime, -1) })},
	words("VIDEO", 3, func(s *api.Stream) string { return s.VideoCodec }),
	{title: "SIZE", spare: 4, text: picture, compare: by(pixels)},
	{title: "FPS", spare: 5, text: fps, compare: by(frameRate)},
	words("AUDIO", 6, func(s *api.Stream) string { return s.AudioCodec }),
	{title: "GOP", spare: 7, text: gop, compare: by(keyframes)},
	figure("IN", 0, bitrateIn, rate),
	figure("OUT", 0, func(s *api.Stream) float64 { return s.BitrateOut }, rate),
	figure("PLAYERS", 0, func(s *api.Stream) int { return s.Players }, strconv.Itoa),
	{title: "HEALTH", left: true, spare: 1, text: health, compare: by(illness)},
	{title: "STREAM", left: true, text: func(s *api.Stream) string { return Name(key(s)) }, compare: up(key)},
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func owner(s *api.Stream) string {
	if s.OwnerWorker == nil {
		return none
	}
	return strconv.Itoa(*s.OwnerWorker)
}

func uptime(s *api.Stream) string {
	if s.Uptime == nil {
		return none
	}
	return Age(seconds(*s.Uptime))
}

func video(s *api.Stream) *api.VideoInfo {
	if s.Media == nil {
		return nil
	}
	return s.Media.Video
}

func pixels(s *api.Stream) int {
	if v := video(s); v != nil {
		return v.Width * v.Height
	}
	return 0
}

func picture(s *api.Stream) string {
	if pixels(s) == 0 {
		return none
	}
	v := video(s)
	return fmt.Sprintf("%dx%d", v.Width, v.Height)
}

func frameRate(s *api.Stream) float64 {
	if v := video(s); v != nil {
		return v.FPS
	}
	return 0
}

func fps(s *api.Stream) string {
	if f := frameRate(s); f > 0 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return none
}

func keyframes(s *api.Stream) float64 {
	if s.Media == nil || s.Media.GOP == nil {
		return 0
	}
	return s.Media.GOP.KeyframeInterval
}

func gop(s *api.Stream) string {
	if k := keyframes(s); k > 0 {
		return strconv.FormatFloat(k, 'f', 1, 64) + "s"
	}
	return none
}

func bitrateIn(s *api.Stream) float64 {
	if s.Media == nil {
		return 0
	}
	return s.Media.BitrateIn
}

// lateAfter is when a stream without a frame is told of. Publishers send many in a second.
const lateAfter = 2 * time.Second

// health is "ok", or what is wrong.
func health(s *api.Stream) string {
	switch {
	case s.State == api.StateWaiting:
		return "waits"
	case s.Media == nil || s.Media.Health == nil:
		return "no frame"
	}
	h := s.Media.Health
	if late := silence(s, h); late >= lateAfter {
		return "silent " + Age(late)
	}
	if n := h.Forward + h.Backward; n > 0 {
		return fmt.Sprintf("jumps %d", n)
	}
	return "ok"
}

// silence is how long the last frame is ago, by the server's clock.
func silence(s *api.Stream, h *api.HealthInfo) time.Duration {
	if s.Since == nil || s.Uptime == nil {
		return 0
	}
	return s.Since.Add(seconds(*s.Uptime)).Sub(h.LastFrame)
}

// illness sorts the worst first.
func illness(s *api.Stream) int {
	switch text := health(s); {
	case strings.HasPrefix(text, "silent"):
		return 4
	case text == "no frame":
		return 3
	case strings.HasPrefix(text, "jumps"):
		return 2
	case text == "waits":
		return 1
	}
	return 0
}
