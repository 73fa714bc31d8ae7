package deploytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestImageRuns(t *testing.T) {
	t.Parallel()
	c := startContainer(t)
	publish(t, "rtmp://"+c.rtmp+"/live/cam")
	plays(t, "rtmp://"+c.rtmp+"/live/cam")
	plays(t, "http://"+c.http+"/live/cam.flv")

	first, master, workers := c.processes()
	for _, pid := range append([]int{first, master}, workers...) {
		c.hasNoPrivileges(pid)
	}
	if out := c.exec("zone"); !strings.Contains(out, "live/cam") || !strings.Contains(out, "check: good") {
		t.Errorf("rtmp-edge zone, in the container:\n%s", out)
	}
	if out := c.exec("healthcheck", "--all", "--ready"); !strings.Contains(out, "2 of 2") {
		t.Errorf("rtmp-edge healthcheck, in the container:\n%s", out)
	}

	begun := time.Now()
	run(t, "", "podman", "stop", "-t", "60", c.id) // publisher and players are there
	if took := time.Since(begun); took > stopGrace {
		t.Errorf("it took %v to end, and Docker waits %v", took, stopGrace)
	}
	if code := c.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if logs := run(t, "", "podman", "logs", c.id); !strings.Contains(logs, "msg=stopped") {
		t.Errorf("it did not end in order:\n%s", logs)
	}
}

// hasNoPrivileges looks at a process itself: what it runs as, and what it could get.
func (c *container) hasNoPrivileges(pid int) {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		c.t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, want := range []string{
		"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "Groups:\t65532 ", "NoNewPrivs:\t1",
		"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
	} {
		if !slices.Contains(lines, want) {
			c.t.Errorf("process %d has not %q:\n%s", pid, want, text)
		}
	}
}

// Whoever is told to stop tells its players, and does not wait for them for ever.
func TestImageStopTellsPlayers(t *testing.T) {
	t.Parallel()
	c := startContainer(t)
	publish(t, "rtmp://"+c.rtmp+"/live/cam")
	plays(t, "rtmp://"+c.rtmp+"/live/cam")
	said := make(chan string, 1)
	player := command(t, "", "rtmpdump", "-v", "-V", "-r", "rtmp://"+c.rtmp+"/live/cam", "-o", filepath.Join(t.TempDir(), "cam.flv"))
	go func() {
		out, _ := player.CombinedOutput()
		said <- string(out)
	}()
	await(t, "the player", func() bool {
		return strings.Contains(c.exec("zone"), "live/cam") && strings.Contains(get("http://"+c.http+"/api/v1/sessions?role=player"), "playing")
	})
	run(t, "", "podman", "kill", "-s", "TERM", c.id)
	if code := c.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if out := <-said; !strings.Contains(out, "The server is shutting down.") || !strings.Contains(out, "Stream EOF") {
		t.Errorf("the player was not told:\n%s", out)
	}
}

// Health goes red when no worker answers, and green again.
func TestImageHealth(t *testing.T) {
	t.Parallel()
	c := startContainer(t)
	check := func() bool {
		_, err := try(t, "", "podman", "healthcheck", "run", c.id)
		return err == nil
	}
	if !check() || c.state().Health.Status != "healthy" {
		t.Fatalf("%+v", c.state())
	}
	_, _, workers := c.processes()
	sendSignal(t, workers[0], syscall.SIGSTOP)
	if !check() {
		t.Error("unhealthy, while one of two workers answers")
	}
	sendSignal(t, workers[1], syscall.SIGSTOP)
	await(t, "an unhealthy container", func() bool { // failures count from the end of the start period on, and it takes three
		if check() {
			t.Error("healthy, while no worker answers")
		}
		return c.state().Health.Status == "unhealthy"
	})
	for _, pid := range workers {
		sendSignal(t, pid, syscall.SIGCONT)
	}
	await(t, "a good health check", check)
	if got := c.state().Health.Status; got != "healthy" {
		t.Errorf("the container is %s, when the workers go on", got)
	}
}

// What is mounted over the image's configuration takes its place, and SIGHUP has it read again.
func TestImageReloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "rtmp-edge.yml")
	write := func(level string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("log: {level: "+level+", format: json}\nshutdown_timeout: 3s\n"), 0o644); err != nil { //nolint:gosec // the user in the container reads it
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, file} { // the user in the container has to get there
		if path == file {
			write("info")
		}
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // likewise
			t.Fatal(err)
		}
	}
	c := startContainer(t, "-v", dir+":/etc/rtmp-edge:ro")
	publish(t, "rtmp://"+c.rtmp+"/live/cam")
	plays(t, "rtmp://"+c.rtmp+"/live/cam")
	_, master, workers := c.processes()
	level := func() string { return get("http://" + c.http + "/api/v1/log") }
	if got := level(); !strings.Contains(got, `"info"`) {
		t.Errorf("log level: %s", got)
	}
	write("debug")
	run(t, "", "podman", "kill", "-s", "HUP", c.id)
	await(t, "the reload by SIGHUP", func() bool { return strings.Contains(level(), `"debug"`) })
	write("warn")
	if out := c.exec("reload"); !strings.Contains(out, "log.level") {
		t.Errorf("rtmp-edge reload, in the container: %s", out)
	}
	if got := level(); !strings.Contains(got, `"warn"`) {
		t.Errorf("log level: %s", got)
	}
	if _, m, w := c.processes(); m != master || !sameNumbers(w, workers) {
		t.Errorf("the processes were %d and %v, and are %d and %v", master, workers, m, w)
	}
	plays(t, "rtmp://"+c.rtmp+"/live/cam")
}

func sameNumbers(a, b []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// The container ends as the server in it does: with its exit code, or as a shell says what signal it was.
func TestImageExitCodes(t *testing.T) {
	t.Parallel()
	t.Run("bad configuration", func(t *testing.T) {
		t.Parallel()
		image := nativeImage(t)
		out, err := try(t, "", "podman", slices.Concat([]string{"run", "--rm", "--network", "host", "-e", "RTMPEDGE_RTMP_LISTN=1935"}, limits(t), []string{image})...)
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 78 || !strings.Contains(out, "did you mean RTMPEDGE_RTMP_LISTEN?") {
			t.Errorf("%v: %s", err, out)
		}
	})
	for name, tt := range map[string]struct {
		kill syscall.Signal
		want int
	}{"the master is killed": {syscall.SIGKILL, 137}, "the master is told to stop": {syscall.SIGTERM, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startContainer(t)
			_, master, workers := c.processes()
			sendSignal(t, master, tt.kill)
			if code := c.ended(); code != tt.want {
				t.Errorf("exit code %d, want %d", code, tt.want)
			}
			for _, pid := range workers {
				await(t, "the end of a worker", func() bool { return syscall.Kill(pid, 0) != nil })
			}
		})
	}
}
