package e2e

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A logBuffer keeps what a process and its children wrote to their shared standard error.
type logBuffer struct {
	r *os.File
	// closed when the last process that could write has ended, or after hangUp.
	ended chan struct{}

	mu    sync.Mutex
	lines []string
}

func newLogBuffer(r *os.File) *logBuffer {
	b := &logBuffer{r: r, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadString('\n')
			if line != "" {
				b.mu.Lock()
				b.lines = append(b.lines, strings.TrimSuffix(line, "\n"))
				b.mu.Unlock()
			}
			if err != nil {
				return
			}
		}
	}()
	return b
}

// hangUp is a reader of the log that goes away.
func (b *logBuffer) hangUp(t testing.TB) {
	t.Helper()
	if err := b.r.Close(); err != nil {
		t.Fatal(err)
	}
	<-b.ended
}

// find returns the lines that match.
func (b *logBuffer) find(pattern string) []string {
	re := regexp.MustCompile(pattern)
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for _, line := range b.lines {
		if re.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// wait waits for n matching lines.
func (b *logBuffer) wait(t testing.TB, within time.Duration, pattern string, n int) {
	t.Helper()
	waitFor(t, within, "log line "+pattern, func() string {
		if len(b.find(pattern)) >= n {
			return ""
		}
		return "not logged"
	})
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	const keep = 400
	lines := b.lines
	if len(lines) > 2*keep {
		lines = append(append(append([]string{}, lines[:keep]...), "[…]"), lines[len(lines)-keep:]...)
	}
	return strings.Join(lines, "\n")
}
