package systemd

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Watch tells systemd that this process lives, as often as WatchdogSec= wants it, until ctx ends; at once when it wants nothing. alive says whether it does:
// while it returns an error, or doesn't return at all, nothing is sent, and systemd kills the service when its time is over. failed hears of those errors.
func (s *Service) Watch(ctx context.Context, alive func() error, failed func(error)) {
	if s.watchdog == 0 || s.notify == "" {
		return
	}
	tick := time.NewTicker(s.watchdog / 2) // as sd_watchdog_enabled(3) recommends
	defer tick.Stop()
	for {
		err := alive()
		if err == nil {
			err = s.beat()
		}
		if err != nil {
			failed(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) beat() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.send(daemon.SdNotifyWatchdog)
}
