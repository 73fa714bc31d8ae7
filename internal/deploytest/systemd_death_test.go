package deploytest

import (
	"slices"
	"strings"
	"testing"
)

// A worker that is killed is the master's to replace: the service stays active.
func TestSystemdWorkerKilled(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.run("systemctl", "start", "rtmp-edge")
	master, workers := s.main(), s.workers()
	s.kill("KILL", workers[0])
	await(t, "a successor", func() bool {
		now := s.workers()
		return len(now) == 2 && !slices.Contains(now, workers[0])
	})
	s.awaits("StatusText", "2 workers")
	s.publishes()
	s.plays()
	s.has("ActiveState", "active")
	s.has("NRestarts", "0")
	if s.main() != master {
		t.Error("it is another master")
	}
	s.inJournal()
}

// inJournal demands that the journal knows how bad a line is: the death of a worker is there with the errors, that another is ready is not.
func (s service) inJournal() {
	s.t.Helper()
	all, errs := s.run("journalctl", "-u", "rtmp-edge"), s.run("journalctl", "-u", "rtmp-edge", "-p", "err")
	contains(s.t, all, `msg="worker ready" worker=0`)
	contains(s.t, errs, `msg="worker died" worker=`)
	if strings.Contains(errs, "level=INFO") || strings.Contains(all, "<6>") {
		s.t.Errorf("the journal has, as errors:\n%s\nand as all:\n%s", errs, all)
	}
}

// A master that is killed is systemd's to replace; no worker of the old one is left then.
func TestSystemdMasterKilled(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.run("systemctl", "start", "rtmp-edge")
	workers := s.workers()
	s.kill("KILL", s.main())
	s.replaced(workers)
	s.has("NRestarts", "1")
	s.publishes()
	s.plays()
}

// replaced demands that the service is started again, with other workers.
func (s service) replaced(old []int) {
	s.t.Helper()
	s.awaits("NRestarts", "1")
	s.awaits("ActiveState", "active")
	if slices.ContainsFunc(old, s.lives) {
		s.t.Error("an old worker is left")
	}
	if n := len(s.workers()); n != 2 {
		s.t.Errorf("%d workers", n)
	}
}

// watchdog is how long systemd waits for a sign of life in these tests.
const watchdog = "[Service]\nWatchdogSec=3s\n"

// A master that hangs gives no sign of life: systemd starts the service again.
func TestSystemdMasterHangs(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.override("rtmp-edge.service", watchdog)
	s.run("systemctl", "start", "rtmp-edge")
	workers := s.workers()
	s.kill("STOP", s.main())
	s.replaced(workers)
	contains(t, s.journal("rtmp-edge"), "Watchdog timeout")
	s.publishes()
	s.plays()
}

// A worker that hangs is no reason to end the others: signs of life go on, for longer than systemd waits for one.
func TestSystemdWorkerHangs(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.override("rtmp-edge.service", watchdog)
	s.run("systemctl", "start", "rtmp-edge")
	master, workers := s.main(), s.workers()
	s.kill("STOP", workers[0])
	begun := s.number("WatchdogTimestampMonotonic")
	const longer = 7_000_000 // µs, of 3s
	await(t, "signs of life", func() bool { return s.number("WatchdogTimestampMonotonic") > begun+longer })
	if s.main() != master {
		t.Error("it is another master")
	}
	s.has("NRestarts", "0")
	s.kill("CONT", workers[0])
}
