package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A terminal is a real one (script(1) makes a pseudoterminal), in which a command of ours runs.
type terminal struct {
	t    testing.TB
	cmd  *exec.Cmd
	keys io.WriteCloser
	out  lockedBuffer
	done chan error
}

const terminalWidth, terminalHeight = 120, 30

// inTerminal runs a command in a terminal. What it prints behind its end tells the exit code.
func inTerminal(t testing.TB, args ...string) *terminal {
	t.Helper()
	term := &terminal{t: t, done: make(chan error, 1)}
	term.cmd = exec.Command("script", "-qec",
		fmt.Sprintf("stty cols %d rows %d; ", terminalWidth, terminalHeight)+serverBinary+" "+strings.Join(args, " ")+"; echo END:$?", "/dev/null")
	term.cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	term.cmd.Stdout, term.cmd.Stderr = &term.out, &term.out
	var err error
	if term.keys, err = term.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { term.done <- term.cmd.Wait() }()
	t.Cleanup(func() { _ = term.cmd.Process.Kill() }) // it has ended, unless the test failed
	return term
}

// await waits until the terminal shows these words.
func (term *terminal) await(words ...string) {
	term.t.Helper()
	for _, w := range words {
		waitFor(term.t, 2*soon, fmt.Sprintf("%q on the terminal", w), func() string {
			if now := term.shows(); !strings.Contains(now.String(), w) {
				return "it shows\n" + now.String()
			}
			return ""
		})
	}
}

func (term *terminal) shows() *vt { return show(term.out.String(), terminalWidth, terminalHeight) }

func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.keys, keys); err != nil {
		term.t.Fatal(err)
	}
}

// In a real terminal, stat shows what happens, takes keys, goes on when workers die, and when the whole server is another, and leaves the terminal
// as it was.
func TestStatInTerminal(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	s.goLive(t, 0, "live/first")
	term := inTerminal(t, "stat", "--run-dir="+s.runDir, "--interval=100ms")
	term.await("workers 2 of 2", "live/first")
	if !term.shows().alternate {
		t.Error("what the terminal showed is not kept")
	}
	_, second := s.goLive(t, 1, "live/second")
	term.await("live/second", "Streams (2)")
	term.press("/SEC\r")
	term.await("Streams (1 of 2)")
	term.press("\x1b")
	term.await("Streams (2)")
	term.press("\t")
	term.await("RESTARTS")
	hung := s.pids(t)[0]
	stopWorker(t, hung)
	term.await("1 of 2 workers did not answer", "no answer: timeout")
	s.resume(t, hung)
	term.await("workers 2 of 2")
	if err := second.stop(); err != nil {
		t.Error(err)
	}
	s.signal(syscall.SIGTERM)
	s.waitStopped(s.opt.shutdownTimeout + soon)
	term.await("no answer for", "no server runs")
	s.exec(s.cmd.Args[1:]...)
	s.ended = false
	s.log.wait(t, 2*soon, "msg=ready", 1)
	term.await("publishers 0", "ready")
	term.press("q")
	term.await("END:0")
	if term.shows().alternate {
		t.Error("the terminal is not as it was")
	}
	waitClosed(t, soon, "the end of the terminal", term.done)
}

// Without a server, and without a terminal's description, it says why it shows nothing.
func TestStatInNoTerminal(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 1})
	inTerminal(t, "stat", "--run-dir="+s.runDir+".none").await("no server runs with run_dir", "END:1")
	term := inTerminal(t, "stat", "--run-dir="+s.runDir, "--help >/dev/null; TERM=nonsense", serverBinary, "stat", "--run-dir="+s.runDir)
	term.await(`TERM="nonsense"`, "--once", "END:1")
}
