package e2e

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ctl runs a command that asks this server, which must end with that code.
func (s *server) ctl(t testing.TB, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	args = append(args, "--run-dir="+s.runDir)
	got, stdout, stderr, err := finishCommand(exec.Command(serverBinary, args...))
	if err != nil || got != code {
		t.Fatalf("%q: exit code %d instead of %d, %v: %s%s", args, got, code, err, stdout, stderr)
	}
	return stdout, stderr
}

// expectLines looks for lines with these words.
func expectLines(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !hasLine(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}

func TestStatOnce(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	publisher, sending := s.goLive(t, 1, "live/seen")
	play(t, s.rtmpURL(2, "live/seen")).awaitRun(soon, publisher.source.run)
	waitFor(t, soon, "the stream in the table", func() string {
		text, _ := s.ctl(t, 0, "stat", "--once")
		for _, words := range []string{"workers 4 of 4", "publishers 1 players 1", " live/seen"} {
			if !hasLine(text, words) {
				return fmt.Sprintf("no %q in\n%s", words, text)
			}
		}
		return ""
	})
	pids := s.pids(t)
	text, _ := s.ctl(t, 0, "stat") // its output is no terminal
	expectLines(t, text, fmt.Sprintf("0 %d", pids[0]), fmt.Sprintf("3 %d", pids[3]), "ready")

	var status struct {
		Version string
		Workers workersAnswer
		Streams struct {
			coverage
			Streams []streamInfo
		}
	}
	text, _ = s.ctl(t, 0, "stat", "--json")
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(status.Workers.Workers) != workers || len(status.Streams.Streams) != 1 || status.Streams.Streams[0].Name != "seen" || status.Version == "" {
		t.Errorf("%+v", status)
	}
	code, text, stderr, err := finishCommand(exec.Command(serverBinary, "stat", "--once", "--url="+s.httpURL(shared, "")))
	if err != nil || code != 0 || !hasLine(text, " live/seen") {
		t.Errorf("over HTTP: exit code %d, %v: %s%s", code, err, text, stderr)
	}

	stopWorker(t, pids[0]) // the one that is asked first
	text, _ = s.ctl(t, 0, "stat", "--once")
	expectLines(t, text, "workers 3 of 4", "0 - - - - - - - - - - no answer: timeout", " live/seen")
	s.resume(t, pids[0])
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
}

// resume has stopped processes go on.
func (s *server) resume(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// A health check is green as long as one worker answers, red when none does, and green again.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	pids := s.pids(t)
	green := func(says string, args ...string) {
		t.Helper()
		if out, stderr := s.ctl(t, 0, append([]string{"healthcheck"}, args...)...); !strings.HasPrefix(out, says) || stderr != "" {
			t.Errorf("%q, %q; expected to hear %q", out, stderr, says)
		}
	}
	red := func(says string, args ...string) {
		t.Helper()
		if out, stderr := s.ctl(t, 1, append([]string{"healthcheck"}, args...)...); !strings.Contains(stderr, says) {
			t.Errorf("%q, %q; expected to hear %q", out, stderr, says)
		}
	}
	green("2 of 2 workers are live\n")
	green("2 of 2 workers are ready\n", "--all", "--ready")
	s.ctl(t, 0, "drain", "--no-wait")
	green("2 of 2 workers are live\n")
	red("503", "--ready")
	s.ctl(t, 0, "drain", "--undo")
	green("2 of 2 workers are ready\n", "--all", "--ready")
	stopWorker(t, pids[0])
	green("1 of 2 workers are live\n  worker 0: no answer in time\n")
	red("worker 0: no answer in time", "--all", "--timeout=1s")
	stopWorker(t, pids[1])
	begun := time.Now()
	red("no worker answers in time, of 2", "--timeout=2s")
	if took := time.Since(begun); took > soon {
		t.Errorf("it took %v", took)
	}
	s.resume(t, pids...)
	green("2 of 2 workers are live\n", "--all")

	// A bad edit of the file is no illness of the server.
	file := filepath.Join(s.dir, "rtmp-edge.yml")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, "\nnonsense: 1\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	code, out, stderr, err := finishCommand(exec.Command(serverBinary, "healthcheck", "-c", file))
	if err != nil || code != 0 {
		t.Errorf("with a file that was spoilt: exit code %d, %v: %s%s", code, err, out, stderr)
	}
	s.signal(syscall.SIGKILL)
	waitClosed(t, soon, "the master's end", s.exited)
	s.ended = true
	waitClosed(t, soon, "the end of every worker", s.log.ended)
	red("no server runs with run_dir " + s.runDir)
}

// A drain waits for the last session, and a worker that comes back meanwhile is drained, too.
func TestDrainCommand(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	publisher, sending := s.goLive(t, 0, "live/last")
	viewer := play(t, s.rtmpURL(1, "live/last"))
	viewer.awaitRun(soon, publisher.source.run)
	out, stderr := s.ctl(t, 4, "drain", "--timeout=1s")
	if !strings.Contains(stderr, "not all sessions have ended: 1 publish, 1 play") || !hasLine(out, "2 of 2 workers drained; left: 1 publish, 1 play") {
		t.Errorf("%s%s", out, stderr)
	}
	s.awaitListeners(t, 0)
	viewer.awaitMore(soon, messagesPerSecond)
	s.ctl(t, 0, "drain", "--undo")
	s.awaitListeners(t, 2)

	drain := run(t, serverBinary, "drain", "--run-dir="+s.runDir)
	waitFor(t, soon, "the drain", func() string {
		if out := drain.out.String(); !strings.Contains(out, "1 publish, 1 play") {
			return out
		}
		return ""
	})
	killWorker(t, s.pids2(t)[1])
	s.log.wait(t, 2*soon, `msg="worker ready"`, 3)
	s.awaitListeners(t, 0)
	drain.mustRun()
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
	publisher.end()
	drain.wait(2 * soon)
	if out := drain.out.String(); !strings.HasSuffix(out, "nobody is left\n") {
		t.Error(out)
	}
	s.ctl(t, 0, "drain", "--undo")
	s.awaitListeners(t, 2)
}

// pids2 are the workers' processes, from a private socket: nobody takes connections elsewhere.
func (s *server) pids2(t testing.TB) []int {
	t.Helper()
	var status struct{ Workers workersAnswer }
	text, _ := s.ctl(t, 0, "stat", "--json")
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatal(err)
	}
	pids := make([]int, s.opt.workers)
	for _, w := range status.Workers.Workers {
		pids[w.Worker] = w.PID
	}
	return pids
}

func TestReloadCommand(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2, live: "gop_cache: true"})
	file := filepath.Join(s.dir, "rtmp-edge.yml")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, now string) {
		t.Helper()
		text := strings.Replace(string(first), old, now, 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		old, now string
		code     int
		out      string
		stderr   string // the beginning
	}{
		{code: 0, out: "nothing has changed\n"},
		{"gop_cache: true", "gop_cache: false", 0, "applied: live.gop_cache\n", ""},
		{"log: {level: debug}", "log: {level: debug, format: json}", 0, "applied: live.gop_cache\nnot applied until a restart: log.format\n", ""},
		{"gop_cache: true", "gop_cash: true", 1, "", file + ":"},
		{"workers: 2", "workers: x", 1, "", file + ":2:"},
		{code: 0, out: "nothing has changed\n"},
	} {
		change(step.old, step.now)
		out, stderr := s.ctl(t, step.code, "reload")
		if out != step.out || !strings.HasPrefix(stderr, step.stderr) || (stderr == "") != (step.code == 0) {
			t.Errorf("%s: %q, %q", step.now, out, stderr)
		}
		if step.code != 0 && !strings.Contains(stderr, "\nrtmp-edge: the server refuses, 422: ") {
			t.Errorf("%s: %q", step.now, stderr)
		}
	}
}

// Whoever is neither the server's user nor root is told so.
func TestCommandsOfOthers(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	s := start(t, options{workers: 1})
	if err := os.Chmod(s.dir, 0o755); err != nil { //nolint:gosec // that is the case to be tested
		t.Fatal(err)
	}
	program := filepath.Join(s.dir, "rtmp-edge")
	text, err := os.ReadFile(serverBinary)
	if err == nil {
		err = os.WriteFile(program, text, 0o755) //nolint:gosec // it is to be executed, by others
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"stat", "reload", "drain", "healthcheck"} {
		cmd := exec.Command(program, command, "--run-dir="+s.runDir)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		code, out, stderr, err := finishCommand(cmd)
		if err != nil {
			t.Fatalf("as another user, for which one must be root: %v", err)
		}
		if code != 1 || out != "" || !strings.Contains(stderr, "permission denied: be the server's user, or root") {
			t.Errorf("%s: exit code %d, %q, %q", command, code, out, stderr)
		}
	}
}

// A server elsewhere wants its token.
func TestStatWithToken(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef0123456789abcdef"
	s := start(t, options{workers: 1, http: "token: " + token})
	to, err := url.Parse(s.httpURL(shared, ""))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded() // which makes a request of this machine one from elsewhere
	}})
	defer front.Close()
	file := filepath.Join(s.dir, "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{1, "the server refuses, 401: ", nil},
		{0, "workers 1 of 1", []string{"--token-file=" + file}},
		{1, "--token-file: open ", []string{"--token-file=" + file + ".none"}},
	} {
		code, out, stderr, err := finishCommand(exec.Command(serverBinary, append([]string{"stat", "--once", "--url=" + front.URL}, c.args...)...))
		if err != nil || code != c.code || !strings.Contains(out+stderr, c.says) {
			t.Errorf("%q: exit code %d, %v: %s%s", c.args, code, err, out, stderr)
		}
		if strings.Contains(out+stderr, token) {
			t.Errorf("%q tells the token: %s%s", c.args, out, stderr)
		}
	}
}
