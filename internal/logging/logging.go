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
	Remote   = "remote"
	Client   = "client" // what it calls itself
	Stream   = "stream"
	Role     = "role"
	Reason   = "reason"
	Error    = "error"
	Duration = "duration"
)

// New returns a logger as configured: text or JSON.
func New(w io.Writer, l config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.SlogLevel()}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
