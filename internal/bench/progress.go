package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Progress is where to tell what goes on.
type Progress struct {
	To       io.Writer // nil for nowhere
	Terminal bool      // one line that changes every second; else a line every few seconds
}

// linePause is between two lines that stay.
const linePause = 5 * time.Second

// until waits for d or the end of ctx, and shows lines meanwhile. They are made with the seconds since the last, those that are left, and a count
// that the maker keeps.
func (p Progress) until(ctx context.Context, d time.Duration, line func(seconds, left float64, last *int64) string) {
	end := time.Now().Add(d)
	every := linePause
	if p.Terminal {
		every = time.Second
	}
	var count int64
	line(1, 0, &count)
	for last := time.Now(); ; {
		left := time.Until(end)
		if !sleep(ctx, min(every, left)) || left <= every {
			break
		}
		p.show(line(time.Since(last).Seconds(), time.Until(end).Seconds(), &count))
		last = time.Now()
	}
	if p.Terminal && p.To != nil {
		_, _ = io.WriteString(p.To, "\r\x1b[K") // the table follows
	}
}

// show writes a line, over the last one on a terminal.
func (p Progress) show(line string) {
	if p.To == nil {
		return
	}
	if p.Terminal {
		_, _ = fmt.Fprintf(p.To, "\r\x1b[K%s", line)
		return
	}
	_, _ = fmt.Fprintln(p.To, line)
}
