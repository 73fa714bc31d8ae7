package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
)

// The priorities with which the journal keeps lines, as they begin (sd-daemon(3)).
const (
	prefixError   = "<3>"
	prefixWarning = "<4>"
	prefixInfo    = "<6>"
	prefixDebug   = "<7>"
)

// toJournal tells whether a file is the journal's: systemd says which one it has given us (systemd.exec(5), JOURNAL_STREAM).
func toJournal(f *os.File, stream string) bool {
	var st syscall.Stat_t
	if stream == "" || syscall.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// A prefixed writer begins each line, which comes in one piece, with a priority.
type prefixed struct {
	w      io.Writer
	prefix string
}

// Write implements io.Writer.
func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.w.Write(append([]byte(p.prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// A journal is a handler that tells the journal how bad it is, so that `journalctl -p warning` finds what it should.
type journal struct {
	err, warning, info, debug slog.Handler
}

func newJournal(w io.Writer, handler func(io.Writer) slog.Handler) *journal {
	to := func(prefix string) slog.Handler { return handler(prefixed{w, prefix}) }
	return &journal{to(prefixError), to(prefixWarning), to(prefixInfo), to(prefixDebug)}
}

func (j *journal) at(l slog.Level) slog.Handler {
	switch {
	case l >= slog.LevelError:
		return j.err
	case l >= slog.LevelWarn:
		return j.warning
	case l >= slog.LevelInfo:
		return j.info
	default:
		return j.debug
	}
}

func (j *journal) each(f func(slog.Handler) slog.Handler) *journal {
	return &journal{f(j.err), f(j.warning), f(j.info), f(j.debug)}
}

// Enabled implements slog.Handler.
func (j *journal) Enabled(ctx context.Context, l slog.Level) bool { return j.at(l).Enabled(ctx, l) }

// Handle implements slog.Handler.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	return j.at(r.Level).Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return j.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(name string) slog.Handler {
	return j.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}
