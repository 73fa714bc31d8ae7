package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// envBinary hands the built server to a test that was started again in another namespace.
const envBinary = "RTMP_EDGE_E2E_BINARY"

const (
	workers         = 4
	shutdownTimeout = 5 * time.Second
)

// options are what a test wants otherwise than usual; the zero value is the usual.
type options struct {
	workers         int           // 4
	live            string        // the inside of the configuration's `live: {…}`
	relay           string        // of `relay: {…}`
	rtmp            string        // of `rtmp: {…}`, but for listen
	http            string        // of `http: {…}`, likewise
	zone            string        // of `stream_zone: {…}`
	apps            string        // the inside of `apps: […]`
	multiListen     []string      // more entries, each the inside of {…}
	shutdownTimeout time.Duration // 5s
}

// A server is a running rtmp-edge: a master and its workers.
type server struct {
	t       testing.TB
	opt     options
	dir     string // configuration
	runDir  string // its unix sockets
	base    int    // the first of its ports, see rtmpPort …
	log     *logBuffer
	cmd     *exec.Cmd
	exited  chan struct{} // the master has ended, with exitErr
	exitErr error
	ended   bool // the test has seen to the end of it
}

var configTemplate = template.Must(template.New("config").Parse(`
workers: {{.Workers}}
run_dir: {{.RunDir}}
shutdown_timeout: {{.ShutdownTimeout}}
rtmp: {listen: ["127.0.0.1:{{.RTMP}}"]{{if .RTMPMore}}, {{.RTMPMore}}{{end}}}
http: {listen: ["127.0.0.1:{{.HTTP}}"]{{if .HTTPMore}}, {{.HTTPMore}}{{end}}}
multi_listen:
  - {listen: "127.0.0.1:{{.SlotRTMP}}", serves: rtmp}
  - {listen: "127.0.0.1:{{.SlotHTTP}}", serves: http}
{{range .MultiListen}}  - {{"{"}}{{.}}{{"}"}}
{{end -}}
{{if .Relay}}relay: {{"{"}}{{.Relay}}{{"}"}}{{end}}
{{if .Apps}}apps: [{{.Apps}}]{{end}}
{{if .Zone}}stream_zone: {{"{"}}{{.Zone}}{{"}"}}{{end}}
{{if .Live}}live: {{"{"}}{{.Live}}{{"}"}}{{end}}
log: {level: debug}
`))

// start runs a server and waits until it is ready. The test ends with an orderly stop of it, unless it ended it itself.
func start(t testing.TB, opt options) *server {
	t.Helper()
	return startOn(t, opt, 0, func(int, *options) {})
}

// startOn is start with so many more ports, of which configure gets the first.
func startOn(t testing.TB, opt options, ports int, configure func(base int, opt *options)) *server {
	t.Helper()
	if opt.workers == 0 {
		opt.workers = workers
	}
	if opt.shutdownTimeout == 0 {
		opt.shutdownTimeout = shutdownTimeout
	}
	const attempts = 5
	for range attempts {
		configured := opt
		configure(freePorts(t, ports), &configured)
		s := launch(t, configured)
		ready := waitUntil(2*soon, func() string {
			if s.hasExited() || len(s.log.find("msg=ready")) > 0 {
				return ""
			}
			return "not ready"
		})
		if ready == "" && !s.hasExited() {
			// Last in, first out.
			t.Cleanup(s.report)
			t.Cleanup(s.kill)
			t.Cleanup(s.finish)
			return s
		}
		s.kill()
		if len(s.log.find("address already in use")) == 0 {
			t.Fatalf("the server did not get ready (%v):\n%s", s.exitErr, s.log)
		}
	}
	t.Fatalf("no free ports after %d attempts", attempts)
	return nil
}

// launch starts a server on ports that seem to be free.
func launch(t testing.TB, opt options) *server {
	t.Helper()
	s := &server{t: t, opt: opt, dir: shortTempDir(t), base: freePorts(t, 2+2*opt.workers)}
	s.runDir = filepath.Join(s.dir, "run")
	var text bytes.Buffer
	if err := configTemplate.Execute(&text, map[string]any{
		"Workers": opt.workers, "RunDir": s.runDir, "ShutdownTimeout": opt.shutdownTimeout,
		"RTMP": s.base, "HTTP": s.base + 1, "SlotRTMP": s.rtmpPort(0), "SlotHTTP": s.httpPort(0),
		"Live": opt.live, "Relay": opt.relay, "RTMPMore": opt.rtmp, "HTTPMore": opt.http, "Zone": opt.zone, "Apps": opt.apps, "MultiListen": opt.multiListen,
	}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.dir, "rtmp-edge.yml")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.exec("run", "-c", file)
	return s
}

// exec starts the binary with its standard error in s.log. Every process of the server holds that pipe: its end says
// that all of them have ended.
func (s *server) exec(args ...string) {
	s.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(serverBinary, args...)
	s.cmd.Stdout, s.cmd.Stderr = w, w
	s.cmd.Dir = s.dir
	err = s.cmd.Start()
	w.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = newLogBuffer(r)
	s.exited = make(chan struct{})
	go func() {
		s.exitErr = s.cmd.Wait()
		close(s.exited)
	}()
}

// shortTempDir is t.TempDir with a short path: a unix socket's has at most 107 bytes.
func shortTempDir(t testing.TB) string {
	t.Helper()
	parent := os.TempDir()
	if len(parent) > 40 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "re-") //nolint:usetesting // t.TempDir's path holds the test's name.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// The ports of a server: shared RTMP, shared HTTP, then RTMP and HTTP of each worker.
func (s *server) rtmpPort(worker int) int { return s.base + 2 + worker }
func (s *server) httpPort(worker int) int { return s.base + 2 + s.opt.workers + worker }

// shared names the shared ports where a worker is asked for.
const shared = -1

// rtmpAddr is the address of a worker's own RTMP port, or of the shared one.
func (s *server) rtmpAddr(worker int) string {
	if worker == shared {
		return fmt.Sprintf("127.0.0.1:%d", s.base)
	}
	return fmt.Sprintf("127.0.0.1:%d", s.rtmpPort(worker))
}

// rtmpURL is where to publish or play "app/name".
func (s *server) rtmpURL(worker int, stream string) string {
	return "rtmp://" + s.rtmpAddr(worker) + "/" + stream
}

// httpURL is a path on a worker's own HTTP port, or on the shared one.
func (s *server) httpURL(worker int, path string) string {
	if worker == shared {
		return fmt.Sprintf("http://127.0.0.1:%d%s", s.base+1, path)
	}
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.httpPort(worker), path)
}

func (s *server) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// signal sends a signal to the master.
func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("%v to the master: %v", sig, err)
	}
}

// stop ends the server in order and checks that it did: exit status 0 in time, no process and no socket left.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	s.waitStopped(s.opt.shutdownTimeout + soon)
}

func (s *server) waitStopped(within time.Duration) {
	s.t.Helper()
	waitClosed(s.t, within, "the master's end", s.exited)
	s.ended = true
	if s.exitErr != nil {
		s.t.Errorf("the master ended with %v, not with status 0", s.exitErr)
	}
	waitClosed(s.t, soon, "the end of every worker", s.log.ended)
	if left := socketsIn(s.t, s.runDir); len(left) > 0 {
		s.t.Errorf("unix sockets left behind: %s", strings.Join(left, ", "))
	}
}

// socketsIn lists the unix sockets below dir.
func socketsIn(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&fs.ModeSocket != 0 {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

// kill ends at once what still runs of the server.
func (s *server) kill() {
	s.ended = true
	if !s.hasExited() {
		s.signal(os.Kill)
		<-s.exited
	}
	// The workers end of themselves when their master has, unless they are stopped or broken.
	for _, pid := range s.loggedPIDs() {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || strings.TrimSuffix(exe, " (deleted)") != serverBinary {
			continue // it has ended, and the number may be somebody else's by now
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.t.Error(err)
		}
	}
	select {
	case <-s.log.ended:
	case <-time.After(soon):
		s.t.Error("a process of the server is left")
	}
}

// loggedPIDs are the process ids of all workers that were ever started.
func (s *server) loggedPIDs() []int {
	var pids []int
	for _, line := range s.log.find(`msg="worker ready"`) {
		_, rest, _ := strings.Cut(line, " pid=")
		var pid int
		if _, err := fmt.Sscan(rest, &pid); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// finish ends the server in order, unless the test has seen to its end.
func (s *server) finish() {
	switch {
	case s.ended:
	case s.hasExited():
		s.t.Errorf("the master ended by itself: %v", s.exitErr)
	default:
		s.stop()
	}
}

// report looks through the log for what must never be there, and prints it for a test that failed.
func (s *server) report() {
	for _, bad := range []string{"DATA RACE", "^panic:", "^fatal error:", "msg=.*panic"} {
		if found := s.log.find(bad); len(found) > 0 {
			s.t.Errorf("the server logged %q", found[0])
		}
	}
	if s.t.Failed() {
		s.t.Logf("log of the server:\n%s", s.log)
	}
}
