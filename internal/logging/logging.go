// Package logging makes the program's logger, and names the attributes that its lines share.
package logging

import (
	"io"
	"log/slog"

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

// New returns a logger as configured: text or JSON. The level is the least that it logs, from now on.
func New(w io.Writer, l config.Log, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
