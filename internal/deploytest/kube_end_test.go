package deploytest

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestKubeEnd ends a pod that somebody publishes to, as the kubelet does: preStop, SIGTERM.
func TestKubeEnd(t *testing.T) {
	t.Parallel()
	p := runPod(t, "base")
	preStop, said := p.preStop()
	drained := t.Run("with a publisher", func(t *testing.T) {
		url := "rtmp://" + p.forward(p.at("rtmp")) + "/live/talk"
		publish(t, url) // until this subtest ends
		player := command(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-i", url, "-f", "null", "-")
		p.must(player.Start())
		await(t, "the player's bytes to grow", p.grows("rtmpedge_stream_sent_bytes_total"))
		p.must(preStop.Start())
		p.checkDraining(t)
		if text := kubeFile(t, said); text == "" || strings.Contains(text, "nobody is left") {
			t.Errorf("preStop did not wait for the publisher:\n%s", text)
		}
	})
	if !drained {
		t.FailNow()
	}
	if err := preStop.Wait(); err != nil {
		t.Errorf("preStop, when the publisher has gone: %v\n%s", err, kubeFile(t, said))
	}
	p.signal(p.cmd.Process.Pid, syscall.SIGTERM)
	p.wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the container ends with %d", code)
	}
}

// preStop returns the command of that name, and the file where it writes what it says.
func (p *pod) preStop() (cmd *exec.Cmd, said string) {
	p.t.Helper()
	said = filepath.Join(p.t.TempDir(), "said")
	file, err := os.Create(said)
	p.must(err)
	p.t.Cleanup(func() { file.Close() })
	cmd = p.exec(p.t.Context(), p.spec.container().Lifecycle.PreStop.Exec.Command...)
	cmd.Stdout, cmd.Stderr = file, file
	return cmd, said
}

// checkDraining demands that the pod takes nobody any more, and that nothing happens to who is there.
func (p *pod) checkDraining(t *testing.T) {
	t.Helper()
	c := p.spec.container()
	await(t, "readiness to turn red", func() bool { return p.does(c.Readiness) != nil })
	for range 3 {
		if err := p.does(c.Liveness); err != nil {
			t.Errorf("liveness of a pod that drains: %v", err)
		}
	}
	for _, port := range []string{"rtmp", "http"} {
		await(t, "port "+port+" to refuse connections", func() bool {
			conn, err := p.net.dial(t.Context(), "tcp", p.at(port))
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
	}
	for _, metric := range []string{"rtmpedge_stream_received_bytes_total", "rtmpedge_stream_sent_bytes_total"} {
		await(t, metric+" to grow", p.grows(metric))
	}
}

// grows returns whether a metric has grown since it was first seen above 0.
func (p *pod) grows(metric string) func() bool {
	first := 0.
	return func() bool {
		_, body := p.call(http.MethodGet, p.at("metrics"), podAddress, "/metrics", "")
		sum := 0.
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, metric+"{") {
				n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64)
				p.must(err)
				sum += n
			}
		}
		if first == 0 {
			first = sum
		}
		return sum > first
	}
}
