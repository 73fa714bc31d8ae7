package broadcast

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// socketEnv makes the test binary a worker of its own, which serves the socket it names, as modeEnv says.
const (
	socketEnv = "BROADCAST_TEST_SOCKET"
	modeEnv   = "BROADCAST_TEST_MODE"
)

// modes are what a worker process may be like; "" answers every request with its process id.
var modes = map[string]http.HandlerFunc{
	"":     func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, os.Getpid()) },
	"slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"error": func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "broken", http.StatusInternalServerError)
	},
	"garbage": func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "\x16\x03\x01 what do you want?\r\n\r\n")
			_ = conn.Close()
		}
	},
	"stream": func(w http.ResponseWriter, r *http.Request) { // a piece, and then nothing more
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	},
}

func TestMain(m *testing.M) {
	if path := os.Getenv(socketEnv); path != "" {
		serveAlone(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// serveAlone serves until standard input ends.
func serveAlone(path string) {
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() { _ = http.Serve(l, modes[os.Getenv(modeEnv)]) }()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startProcess starts a worker that is a process of its own.
func startProcess(t *testing.T, worker int, mode string) (Peer, *os.Process) {
	t.Helper()
	path := socketPath(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), socketEnv+"="+path, modeEnv+"="+mode)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the worker said %q, %v", line, err)
	}
	return peerAt(worker, path), cmd.Process
}

func signal(t *testing.T, p *os.Process, s syscall.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// socketPath is a path short enough for a unix socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bc") //nolint:usetesting // t.TempDir is longer than sun_path allows
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func peerAt(worker int, path string) Peer {
	return Peer{Worker: worker, Addr: path, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
}

// serve starts a worker in this process.
func serve(t *testing.T, worker int, h http.HandlerFunc) Peer {
	t.Helper()
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return peerAt(worker, l.Addr().String())
}

// raw starts a worker that says the given bytes to the first request, then keeps the connection open until the test ends.
func raw(t *testing.T, worker int, say string) Peer {
	t.Helper()
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, say)
		}
		<-ended
	}()
	t.Cleanup(func() { close(ended); l.Close(); <-done })
	return peerAt(worker, l.Addr().String())
}

// stuck starts a worker that never accepts: the kernel does, as for a stopped process.
func stuck(t *testing.T, worker int) Peer {
	t.Helper()
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return peerAt(worker, l.Addr().String())
}

func dead(t *testing.T, worker int) Peer {
	t.Helper()
	return peerAt(worker, socketPath(t))
}

func newGroup(t *testing.T, o Options, peers ...Peer) *Group {
	t.Helper()
	g := New(func() []Peer { return peers }, o)
	t.Cleanup(g.Close)
	return g
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); {
		if time.Now().After(end) {
			t.Fatal("timed out waiting for " + what)
		}
		time.Sleep(time.Millisecond)
	}
}

func words(as []Answer) string {
	var out []string
	for _, a := range as {
		word := Reason(a.Err)
		if a.Err == nil {
			word = strconv.Itoa(a.Status)
		}
		out = append(out, fmt.Sprintf("%d:%s", a.Worker, word))
	}
	return strings.Join(out, " ")
}
