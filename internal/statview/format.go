package statview

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// Name quotes a name that could be taken for something else, or that a terminal might obey.
func Name(name string) string {
	if garbles(name) {
		return strconv.QuoteToASCII(name)
	}
	if q := strconv.Quote(name); q != `"`+name+`"` || name == "" || strings.Contains(name, " ") {
		return q
	}
	return name
}

// maxMarks is how many marks a letter has in any language; more of them cover the lines around.
const maxMarks = 3

// garbles reports whether a name has combining marks where no letter carries them, or too many.
func garbles(name string) bool {
	marks, carried := 0, false
	for _, r := range name {
		if !unicode.Is(unicode.M, r) {
			marks, carried = 0, unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r)
			continue
		}
		if marks++; !carried || marks > maxMarks {
			return true
		}
	}
	return false
}

// Age is a duration to the second; of what is older than two days, to the hour.
func Age(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second) // the clock may have been set back
	const day = 24 * time.Hour
	if d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// none stands where there is nothing to tell.
const none = "-"

// maxWord bounds what is shown of a word that is the server's own.
const maxWord = 16

// word is a word of the server's, which may be any server.
func word(s string) string {
	if s == "" {
		return none
	}
	return names.Printable(s, maxWord)
}

// rate is bits a second, in at most five characters.
func rate(bits float64) string { return scaled(bits, 1000, "kMGTP") }

// size is bytes, likewise.
func size(bytes float64) string { return scaled(bytes, 1024, "KMGTP") }

func scaled(n, step float64, units string) string {
	if n < step || math.IsNaN(n) {
		return strconv.FormatFloat(max(0, n), 'f', 0, 64)
	}
	unit := -1
	for n >= step && unit+1 < len(units) {
		n /= step
		unit++
	}
	digits := 1
	if n >= 99.95 {
		digits = 0
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + units[unit:unit+1]
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
