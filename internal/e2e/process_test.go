package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// A process is a real client: ffmpeg, rtmpdump.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan struct{} // ended, with err
	err  error
}

// run starts a client; the test's end kills it when it still runs.
func run(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%v (`make clients` installs what the tests need)", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if !p.hasEnded() {
			p.signal(os.Kill)
			<-p.done
		}
		if t.Failed() {
			t.Logf("%s: %v\n%s", strings.Join(p.cmd.Args, " "), p.err, p.out.String())
		}
	})
	return p
}

func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal does nothing to a process that has ended.
func (p *process) signal(sig os.Signal) {
	if err := p.cmd.Process.Signal(sig); err != nil && !p.hasEnded() {
		select {
		case <-p.done:
		case <-time.After(soon):
			p.t.Errorf("%v to %s: %v", sig, p.name, err)
		}
	}
}

// wait waits for an end with status 0.
func (p *process) wait(within time.Duration) {
	p.t.Helper()
	waitClosed(p.t, within, "the end of "+p.name, p.done)
	if p.err != nil {
		p.t.Fatalf("%s: %v\n%s", p.name, p.err, p.out.String())
	}
}

// mustRun fails the test when the process ends of itself.
func (p *process) mustRun() {
	p.t.Helper()
	if p.hasEnded() {
		p.t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.out.String())
	}
}

// lockedBuffer may be read while a process still writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
