package deploytest

import (
	"path/filepath"
	"strings"
	"testing"
)

// The units are free of mistakes, by the judgement of this machine's systemd and of Debian's, and the service is shut in: exposed at most 2.0 of 10.
func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	judge := []string{"systemd-analyze", "security", "--offline=yes", "--threshold=20"}
	path, err := filepath.Abs(systemdUnits + "rtmp-edge.service")
	if err != nil {
		t.Fatal(err)
	}
	here := run(t, "", judge[0], append(judge[1:], path)...)
	there := s.run(append(judge, "/usr/lib/systemd/system/rtmp-edge.service")...)
	for _, report := range []string{here, there} {
		contains(t, report, "Overall exposure level for rtmp-edge.service: ")
		t.Log(report[strings.LastIndex(report, "Overall"):])
	}
	if out := s.run("systemd-analyze", "verify", "--man=no", "rtmp-edge.service", "rtmp-edge.socket"); out != "" {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
}
