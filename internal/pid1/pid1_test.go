package pid1

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within is how long a test waits for anything.
const within = time.Minute

// envRole has this program be a first process, or a server below one, instead of running tests.
const envRole = "RTMP_EDGE_PID1_TEST"

func TestMain(m *testing.M) {
	switch role := os.Getenv(envRole); {
	case role == "":
		os.Exit(m.Run())
	case IsFirst(), os.Args[1] == "first":
		os.Exit(first(os.Args[2:]))
	default:
		os.Exit(server(os.Args[1:]))
	}
}

// first does what the first process of a namespace does. It need not be one: orphans below it come to it all the same.
func first(args []string) int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	code, err := Run("/proc/self/exe", append([]string{"server"}, args...))
	if err != nil {
		panic(err)
	}
	return code
}

// A nest is a first process with a server below it.
type nest struct {
	cmd *exec.Cmd
	out *bufio.Reader
	in  io.Closer // its end is the end of a server that waits for that
}

func nestOf(t *testing.T, args ...string) *nest {
	t.Helper()
	n := &nest{cmd: exec.CommandContext(t.Context(), "/proc/self/exe", append([]string{"first"}, args...)...)}
	n.cmd.Env = append(os.Environ(), envRole+"=1")
	n.cmd.Stderr = os.Stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.out = bufio.NewReader(out)
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(within, func() {
		_ = n.cmd.Process.Kill()
		out.Close() // the server may live on
	})
	t.Cleanup(func() {
		timer.Stop()
		n.in.Close() // so that the server ends, whatever became of the first process
		_ = n.cmd.Process.Kill()
	})
	return n
}

// line returns the next line that the server prints.
func (n *nest) line(t *testing.T) string {
	t.Helper()
	s, err := n.out.ReadString('\n')
	if err != nil {
		t.Fatalf("after %q: %v", s, err)
	}
	return strings.TrimSpace(s)
}

// end waits for the end of the first process and checks its exit code.
func (n *nest) end(t *testing.T, want int) {
	t.Helper()
	err := n.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if state := n.cmd.ProcessState; state.ExitCode() != want {
		t.Errorf("%v, want exit code %d", state, want)
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want int
	}{
		"good":   {[]string{"exit", "0"}, 0},
		"bad":    {[]string{"exit", "3"}, 3},
		"killed": {[]string{"die", "9"}, 137},
		"ended":  {[]string{"die", "15"}, 143},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nestOf(t, tt.args...).end(t, tt.want)
		})
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	t.Parallel()
	n := nestOf(t, "signals")
	if got := n.line(t); got != "ready" {
		t.Fatal(got)
	}
	for _, s := range passedOn {
		if err := n.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if got := n.line(t); got != s.String() {
			t.Errorf("%v came as %s", s, got)
		}
	}
	n.in.Close()
	n.end(t, 0)
}

// What a terminal sends at Ctrl-C goes to the whole group of the first process.
func TestCtrlCReachesTheServerOnce(t *testing.T) {
	t.Parallel()
	n := nestOf(t, "signals")
	if got := n.line(t); got != "ready" {
		t.Fatal(got)
	}
	for range 20 {
		if err := syscall.Kill(-n.cmd.Process.Pid, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if got := n.line(t); got != "interrupt" {
			t.Errorf("got %s", got)
		}
		if err := n.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		if got := n.line(t); got != syscall.SIGUSR1.String() {
			t.Errorf("after one Ctrl-C there came %s", got)
		}
	}
	n.in.Close()
	n.end(t, 0)
}

func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	n := nestOf(t, "orphans")
	if got, err := strconv.Atoi(n.line(t)); err != nil || got != 2*orphanPairs {
		t.Errorf("%d orphans reaped, %v: want %d", got, err, 2*orphanPairs)
	}
	n.end(t, 0)
}

// A server that ends is not kept by what it leaves behind.
func TestEndsBeforeOrphans(t *testing.T) {
	t.Parallel()
	n := nestOf(t, "leave")
	orphan, err := strconv.Atoi(n.line(t))
	if err != nil {
		t.Fatal(err)
	}
	n.end(t, 5)
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Errorf("the orphan lived no longer: %v", err)
	}
}

func TestNoProgram(t *testing.T) {
	if code, err := Run("/nowhere/rtmp-edge", []string{"x"}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%d, %v", code, err)
	}
}
