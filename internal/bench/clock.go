package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the time since the machine started, in nanoseconds: the same clock in every process, which Go's own monotonic time is not.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0 // Linux always has it
	}
	return ts.Nano()
}

// milliseconds of a duration, with fractions.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
