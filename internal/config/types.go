package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/machine"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// Workers is a number of worker processes, 1..128, or Auto.
type Workers int

// Auto means one worker for each core that the server may use, a part of one counted as one.
const Auto Workers = 0

const workersRange = "%d is out of range 1..128: write auto, or a number from 1 to 128"

// Count returns the number of workers to start. What Auto stands for is for the master to find out, once.
func (w Workers) Count() int {
	if w == Auto {
		m, _ := machine.Read() // what can't be read limits nothing; the workers say what it is
		return min(m.WholeCores(), multiport.MaxWorkers)
	}
	return int(w)
}

// String returns "auto" or the number.
func (w Workers) String() string {
	if w == Auto {
		return "auto"
	}
	return strconv.Itoa(int(w))
}

// MarshalText returns w.String().
func (w Workers) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads "auto" or a number.
func (w *Workers) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*w = Auto
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a number of workers: write auto, or a number from 1 to 128", text)
	}
	if n < 1 || n > multiport.MaxWorkers {
		return fmt.Errorf(workersRange, n)
	}
	*w = Workers(n)
	return nil
}

// Size is a number of bytes. In the file it is a whole number with one of the units B, KiB, MiB, GiB.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

var errSize = errors.New("is not a size: write a whole number and a unit, such as 512KiB, 64MiB or 1GiB")

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// MarshalText returns s.String().
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "64MiB".
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range sizeUnits {
		digits, found := strings.CutSuffix(string(text), u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n > math.MaxInt64/u.bytes || n < math.MinInt64/u.bytes {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q %w", text, errSize)
}

// Protocol is what is served on an address.
type Protocol string

// The protocols.
const (
	RTMP  Protocol = "rtmp"
	RTMPS Protocol = "rtmps" // RTMP over TLS
	HTTP  Protocol = "http"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// SlogLevel returns the level for log/slog.
func (l Log) SlogLevel() slog.Level { return logLevels[l.Level] }
