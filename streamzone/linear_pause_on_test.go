//go:build torture

package streamzone_test

import (
	"math/rand/v2"
	"os"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// With crash points, a call may pause at any of them while the others go on.
// What is rare becomes usual.
const linPauses = true

// linPoint is a point to pause at for long: any, or one between a look and what
// is done about it.
func linPoint(r *rand.Rand) int64 {
	if p := 1 + r.IntN(streamzone.Points-1); r.IntN(2) == 0 {
		return int64(p)
	}
	between := []string{"atArrived", "atRead", "atUnlinking", "atPrivate"}
	return linPointOf(between[r.IntN(len(between))])
}

func linPointOf(name string) int64 {
	for p := range streamzone.Points {
		if streamzone.PointName(p) == name {
			return int64(p)
		}
	}
	panic("no point " + name)
}

// A child's hook must be there before it joins.
var _ = linHookChild()

func linHookChild() bool {
	if os.Getenv(envRole) == "linear" {
		linHook()
	}
	return true
}

func linHook() (unhook func()) {
	streamzone.CrashHook = func(p int) {
		if int64(p) == linPause.point.Load() && rand.IntN(2) == 0 && linPause.long.Add(-1) >= 0 {
			time.Sleep(rand.N(2 * time.Millisecond))
		} else if often := linPause.often.Load(); often > 0 && rand.Int64N(often) == 0 {
			time.Sleep(rand.N(100 * time.Microsecond))
		}
	}
	return func() { streamzone.CrashHook = nil }
}
