package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/internal/systemd"
)

// A service tells systemd, if that started us, what the server does. It is the master's Watcher.
type service struct {
	systemd *systemd.Service
	log     *slog.Logger

	mu       sync.Mutex
	up, of   int    // workers; guarded by mu, as is what follows
	reload   string // how the last reload went; "" before the first
	stopping bool
}

// endSlack is what the master takes at the end beyond the time that its workers have.
const endSlack = 5 * time.Second

// Ready implements master.Watcher.
func (s *service) Ready(workers int) {
	s.tell(func() error {
		s.up, s.of = workers, workers
		return s.systemd.Ready(s.status())
	})
}

// Workers implements master.Watcher.
func (s *service) Workers(up, of int) {
	s.tell(func() error {
		if s.up == up && s.of == of {
			return nil
		}
		s.up, s.of = up, of
		return s.systemd.Status(s.status())
	})
}

// Reloading implements master.Watcher.
func (s *service) Reloading() { s.tell(s.systemd.Reloading) }

// Reloaded implements master.Watcher.
func (s *service) Reloaded(o handover.Outcome) {
	s.tell(func() error {
		s.reload = outcome(&o)
		return s.systemd.Reloaded(s.status())
	})
}

// Stopping implements master.Watcher.
func (s *service) Stopping(within time.Duration) {
	s.tell(func() error {
		s.stopping = true
		return s.systemd.Stopping(within+endSlack, "stopping: players and publishers are told")
	})
}

// tell calls f, but not when the server stops: what is said then stays.
func (s *service) tell(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	if err := f(); err != nil {
		s.log.Warn("systemd can't be told", logging.Error, err)
	}
}

// failed tells why the server did not start.
func (s *service) failed(err error) {
	if e := s.systemd.Status(err.Error()); e != nil {
		s.log.Warn("systemd can't be told", logging.Error, e)
	}
}

// status is the line that `systemctl status` shows. Called with mu held.
func (s *service) status() string {
	status := count(s.of)
	if s.up < s.of {
		status = fmt.Sprintf("%d of %s", s.up, status)
	}
	if s.reload != "" {
		status += "; " + s.reload
	}
	return status
}

// outcome is how a reload went, in one line.
func outcome(o *handover.Outcome) string {
	switch {
	case len(o.Problems) == 1:
		return "reload refused: " + o.Problems[0]
	case len(o.Problems) > 1:
		return fmt.Sprintf("reload refused: %s, and %d more", o.Problems[0], len(o.Problems)-1)
	case o.Error != "":
		return "reload failed: " + o.Error
	}
	applied := "nothing changed"
	if len(o.Applied) > 0 {
		applied = strings.Join(o.Applied, ", ")
	}
	if len(o.Restart) > 0 {
		return "reloaded: " + applied + "; waits for a restart: " + strings.Join(o.Restart, ", ")
	}
	return "reloaded: " + applied
}

// watched runs the server, with signs of life to systemd as long as its master is alive.
func (s *service) watched(m *master.Master, run func() error) error {
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		s.systemd.Watch(ctx, m.Alive, func(err error) { s.log.Error("no sign of life for systemd", logging.Error, err) })
	})
	defer watch.Wait()
	defer cancel()
	return run()
}
