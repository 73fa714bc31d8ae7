package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// A Bitrate is in bits per second. As text it may end in k, M or G (powers of 1000), and "bit/s".
type Bitrate int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bitrate) UnmarshalText(text []byte) error {
	s := strings.TrimSuffix(string(text), "bit/s")
	unit := 1.0
	for suffix, factor := range map[string]float64{"k": 1e3, "K": 1e3, "M": 1e6, "m": 1e6, "G": 1e9} {
		if number, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = number, factor
			break
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v*unit >= 1 && v*unit <= 1e12) {
		return fmt.Errorf("%q is no bit rate: write bits a second, such as 500k or 2.5M", text)
	}
	*b = Bitrate(v * unit)
	return nil
}

// String writes b with the largest unit.
func (b Bitrate) String() string {
	switch {
	case b >= 1e9:
		return strconv.FormatFloat(float64(b)/1e9, 'g', 4, 64) + " Gbit/s"
	case b >= 1e6:
		return strconv.FormatFloat(float64(b)/1e6, 'g', 4, 64) + " Mbit/s"
	default:
		return strconv.FormatFloat(float64(b)/1e3, 'g', 4, 64) + " kbit/s"
	}
}
