package deploytest

import (
	"strings"
	"testing"
)

// `systemctl reload` applies a changed configuration, which no session notices; or fails, says why, and changes nothing. So does SIGHUP, but silently.
func TestSystemdReload(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.run("systemctl", "start", "rtmp-edge")
	s.publishes()
	s.plays()
	master, since := s.main(), s.property("ActiveEnterTimestampMonotonic")

	s.configure("workers: 2\nlog: {level: debug}\n")
	s.run("systemctl", "reload", "rtmp-edge")
	s.has("StatusText", "2 workers; reloaded: log.level")

	s.configure("workers: 2\nlog: {level: loud}\n")
	out, err := s.try("systemctl", "reload", "rtmp-edge")
	if err == nil {
		t.Errorf("a bad configuration was taken: %s", out)
	}
	contains(t, s.journal("rtmp-edge"), systemdConfig+":2: log.level")
	contains(t, s.property("StatusText"), "2 workers; reload refused: "+systemdConfig+":2: log.level")
	s.has("ActiveState", "active")

	s.configure("workers: 3\nlog: {level: info}\n")
	s.run("systemctl", "kill", "--kill-who=main", "--signal=HUP", "rtmp-edge")
	s.awaits("StatusText", "2 workers; reloaded: log.level; waits for a restart: workers")
	s.configure("workers: [\n")
	s.run("systemctl", "kill", "--kill-who=main", "--signal=HUP", "rtmp-edge")
	await(t, "the word of a refusal", func() bool { return strings.Contains(s.property("StatusText"), "reload refused") })

	s.awaits("ActiveState", "active") // not reloading
	if s.main() != master || s.property("ActiveEnterTimestampMonotonic") != since {
		t.Error("it was started again")
	}
	if ends := strings.Count(s.journal("rtmp-edge"), "reason=shutdown"); ends > 0 {
		t.Errorf("%d sessions were ended", ends)
	}
	s.plays()
}
