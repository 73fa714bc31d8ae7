// Package logging makes the program's logger, and names the attributes that its lines share.
package logging

import (
	"io"
	"log/slog"
	"os"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
)

// Keys of attributes.
const (
	Worker   = "worker"
	Session  = "session" // its id, as in the control API
	Protocol = "protocol"
	App      = "app"
	Remote   = "remote"
	Client   = "client" // what it calls itself
	Stream   = "stream"
	Role     = "role"
	Reason   = "reason"
	Error    = "error"
	Duration = "duration"
)

// New returns a logger as configured: text or JSON. The level is the least that it logs, from now on. To the journal of systemd it tells the levels, too.
func New(w *os.File, l config.Log, level slog.Leveler) *slog.Logger {
	handler := func(w io.Writer) slog.Handler {
		o := &slog.HandlerOptions{Level: level}
		if l.Format == "json" {
			return slog.NewJSONHandler(w, o)
		}
		return slog.NewTextHandler(w, o)
	}
	if toJournal(w, os.Getenv("JOURNAL_STREAM")) {
		return slog.New(newJournal(w, handler))
	}
	return slog.New(handler(w))
}
