package deploytest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The unit's own names.
const (
	systemdUnits  = repo + "/deploy/systemd/"
	systemdConfig = "/etc/rtmp-edge/rtmp-edge.yml"
	systemdPlay   = "rtmp://127.0.0.1/live/stream"
)

// A service is the server as a unit of a booted systemd, put there as the package puts it.
type service struct {
	*root
	t *testing.T
}

// newService installs it, with two workers and what else is configured, and starts nothing.
func newService(t *testing.T, config string) service {
	t.Helper()
	s := service{newRoot(t), t}
	s.copyIn(binary(t), "/usr/bin/rtmp-edge", 0o755)
	for _, unit := range []string{"rtmp-edge.service", "rtmp-edge.socket"} {
		s.copyIn(systemdUnits+unit, "/usr/lib/systemd/system/"+unit, 0o644)
	}
	s.copyIn(repo+"/deploy/debian/rtmp-edge.sysusers", "/usr/lib/sysusers.d/rtmp-edge.conf", 0o644)
	s.run("systemd-sysusers")
	s.configure("workers: 2\n" + config)
	s.boot()
	return s
}

// configure writes the configuration.
func (s service) configure(config string) {
	s.t.Helper()
	s.write(systemdConfig, config, 0o640)
	s.run("chown", "root:rtmp-edge", systemdConfig)
}

// override changes the unit, as `systemctl edit` does.
func (s service) override(unit, lines string) {
	s.t.Helper()
	s.write("/etc/systemd/system/"+unit+".d/override.conf", lines, 0o644)
	s.run("systemctl", "daemon-reload")
}

// property returns what systemd knows of the unit.
func (s service) property(name string) string {
	s.t.Helper()
	return strings.TrimSpace(s.run("systemctl", "show", "rtmp-edge.service", "--property", name, "--value"))
}

// has demands a value of a property.
func (s service) has(name, want string) {
	s.t.Helper()
	if got := s.property(name); got != want {
		s.t.Errorf("%s is %q, not %q", name, got, want)
	}
}

// awaits waits for a value of a property.
func (s service) awaits(name, want string) {
	s.t.Helper()
	await(s.t, name+" "+want, func() bool { return s.property(name) == want })
}

// number is a property that is one.
func (s service) number(name string) int {
	s.t.Helper()
	n, err := strconv.Atoi(s.property(name))
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return n
}

// main is the pid of the master, in there, and workers are those of its workers.
func (s service) main() int { return s.number("MainPID") }

func (s service) workers() []int {
	s.t.Helper()
	var pids []int
	for _, field := range strings.Fields(s.run("cat", "/sys/fs/cgroup/system.slice/rtmp-edge.service/cgroup.procs")) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			s.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	master := s.main()
	return slices.DeleteFunc(pids, func(pid int) bool { return pid == master })
}

func (s service) kill(signal string, pids ...int) {
	s.t.Helper()
	for _, pid := range pids {
		s.run("sh", "-c", fmt.Sprintf("kill -%s %d", signal, pid))
	}
}

// lives tells whether there is such a process in there.
func (s service) lives(pid int) bool { return s.exists(fmt.Sprintf("/proc/%d", pid)) }

// publishes and plays are done by clients in the network of there.
func (s service) publishes() {
	s.t.Helper()
	s.net(func() { publish(s.t, systemdPlay) })
}

func (s service) plays() {
	s.t.Helper()
	s.net(func() { plays(s.t, systemdPlay) })
}

// ask returns what the HTTP interface answers.
func (s service) ask(method, path string) string {
	s.t.Helper()
	question, err := http.NewRequestWithContext(s.t.Context(), method, "http://127.0.0.1:8080"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}, Timeout: awaitTime}
	answer, err := client.Do(question)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v\n%s", path, answer.Status, err, body)
	}
	return string(body)
}

// contains demands a text in what was printed.
func contains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("it does not say %q:\n%s", want, text)
	}
}
