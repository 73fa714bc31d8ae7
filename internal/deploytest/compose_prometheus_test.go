package deploytest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

// observed runs the server and the real Prometheus with the settings, the files and the names that Compose gives them, in a network of their own.
func observed(t *testing.T) (inside *root) {
	t.Helper()
	c := composed(t)
	prometheus, dir := c.Services["prometheus"], t.TempDir()
	if err := hollowRoot(dir, "dev", "proc", "tmp", "etc/prometheus", "prometheus"); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "dev", "null"), "")
	write(t, filepath.Join(dir, "etc", "hosts"), "127.0.0.1 localhost rtmp-edge prometheus\n")
	write(t, filepath.Join(dir, "etc", "nsswitch.conf"), "hosts: files\n")
	var mounts []string
	for _, v := range prometheus.Volumes {
		if v.Type == "bind" {
			mounts = append(mounts, v.Source+":"+v.Target)
			mountPoint(t, v.Source, filepath.Join(dir, v.Target))
		}
	}
	config, err := filepath.Abs(filepath.Join(repo, "deploy", "image", "rtmp-edge.yml"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", append([]string{"testdata/compose.sh", dir, binary(t), config}, prometheus.Command...)...)
	cmd.Env = append(append(os.Environ(), serverEnvironment(c.Services["rtmp-edge"])...), "RTMPEDGE_RUN_DIR="+filepath.Join(dir, "run"), "MOUNTS="+strings.Join(mounts, " "))
	var log lockedBuffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL, Setsid: true}
	wait, err := startKept(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the kernel kills all that is in there with it
		wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return &root{t: t, pid: cmd.Process.Pid}
}

// mountPoint makes a file or a folder to mount source on.
func mountPoint(t *testing.T, source, at string) {
	t.Helper()
	info, err := os.Stat(source)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.MkdirAll(at, 0o755); err != nil { //nolint:gosec // as in an image
			t.Fatal(err)
		}
		return
	}
	write(t, at, "")
}

// TestComposeObserves runs what Compose would: Prometheus finds the server by the name of its service, is let in by it, and has all our rules and alerts.
func TestComposeObserves(t *testing.T) {
	t.Parallel()
	inside := observed(t)
	client := http.Client{Transport: &http.Transport{DialContext: inside.dial}}
	ask := func(path string, data any) error {
		response, err := client.Get("http://127.0.0.1:9090" + path)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		return json.NewDecoder(response.Body).Decode(data)
	}
	value := func(query string) string {
		var answer struct {
			Data struct {
				Result []struct {
					Metric map[string]string
					Value  []any
				}
			}
		}
		err := ask("/api/v1/query?query="+url.QueryEscape(query), &answer)
		if err != nil || len(answer.Data.Result) != 1 {
			return ""
		}
		return answer.Data.Result[0].Value[1].(string)
	}
	await(t, "a scrape of the server", func() bool { return value(`up{job="rtmp-edge",instance="rtmp-edge:8080"}`) == "1" })
	await(t, "what the server tells", func() bool {
		return value("rtmpedge_scrape_workers_answered == rtmpedge_scrape_workers_expected") != ""
	})

	var loaded struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := ask("/api/v1/rules", &loaded); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, file := range []string{"alerts.yml", "recording.yml"} {
		for _, group := range ruleGroups(t, "deploy/prometheus/rules/"+file) {
			for _, rule := range group.Rules {
				wanted[rule.Alert+rule.Record] = true
			}
		}
	}
	if len(wanted) < 10 {
		t.Errorf("only %d rules are shipped", len(wanted))
	}
	for _, group := range loaded.Data.Groups {
		for _, rule := range group.Rules {
			delete(wanted, rule.Name)
			if rule.Health == "err" {
				t.Errorf("%s: %s", rule.Name, rule.LastError)
			}
		}
	}
	for name := range wanted {
		t.Errorf("Prometheus has no rule %s", name)
	}

	// The health check, where it would run.
	check := composed(t).Services["prometheus"].Healthcheck.Test[1:]
	run(t, "", "nsenter", append([]string{"--target", strconv.Itoa(inside.pid), "--mount", "--net", "--root", "--wd=/"}, check...)...)
}

type ruleGroup struct {
	Rules []struct{ Alert, Record string }
}

func ruleGroups(t *testing.T, name string) []ruleGroup {
	t.Helper()
	var file struct{ Groups []ruleGroup }
	readYAML(t, name, &file)
	return file.Groups
}

// readYAML reads a file of the tree.
func readYAML(t *testing.T, name string, v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readRepo(t, name)), v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
