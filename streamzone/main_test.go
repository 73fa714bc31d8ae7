package streamzone_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
	"go.uber.org/goleak"
)

// The tests with real processes run this test binary again. The environment
// says what the child is to do; descriptor 3 is the zone.
const (
	envRole  = "STREAMZONE_TEST_ROLE"
	envSlot  = "STREAMZONE_TEST_SLOT"
	envEpoch = "STREAMZONE_TEST_EPOCH"
)

// roles are the child programs. Each ends its process when its input ends.
var roles = map[string]func(*streamzone.Zone) error{
	"hold":   holdRole,
	"player": playerRole,
	"linear": linearRole,
	"bench":  benchRole,
}

// deadline is how long a test waits for something that must happen.
const deadline = 20 * time.Second

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		run := programs[role]
		if run == nil {
			run = func() error { return runRole(roles[role]) }
		}
		if err := run(); err != nil {
			fmt.Fprintf(os.Stderr, "child %s: %v\n", role, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func runRole(role func(*streamzone.Zone) error) error {
	slot, err1 := strconv.Atoi(os.Getenv(envSlot))
	epoch, err2 := strconv.Atoi(os.Getenv(envEpoch))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	f := os.NewFile(3, "zone")
	z, err := streamzone.Join(f, slot, uint16(epoch))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil { // the zone keeps what it needs
		return err
	}
	return errors.Join(role(z), z.Close())
}

// A child is a process that has been given a slot.
type child struct {
	tb    testing.TB
	slot  int
	epoch uint16
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *lines
}

// spawn opens the slot and starts a child in it.
func spawn(tb testing.TB, k *streamzone.Keeper, role string, slot int, extra ...*os.File) *child {
	tb.Helper()
	epoch, err := k.OpenSlot(slot)
	if err != nil {
		tb.Fatal(err)
	}
	c := &child{tb: tb, slot: slot, epoch: epoch, cmd: exec.Command(os.Args[0]), out: newLines()}
	c.cmd.Env = append(os.Environ(),
		envRole+"="+role, envSlot+"="+strconv.Itoa(slot), envEpoch+"="+strconv.Itoa(int(epoch)))
	c.cmd.ExtraFiles = append([]*os.File{k.File()}, extra...)
	c.cmd.Stdout, c.cmd.Stderr = c.out, os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	})
	return c
}

// kill ends the child in the middle of whatever it is doing.
func (c *child) kill() {
	c.tb.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.tb.Fatal(err)
	}
	_ = c.cmd.Wait() // "signal: killed"
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		c.tb.Fatalf("slot %d ended by itself: %v", c.slot, c.cmd.ProcessState)
	}
}

// finish waits for the child to end well.
func (c *child) finish() {
	c.tb.Helper()
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		c.tb.Fatalf("slot %d: %v", c.slot, err)
	}
}

// line waits for the child's next line of output.
func (c *child) line() string {
	c.tb.Helper()
	select {
	case s := <-c.out.c:
		return s
	case <-time.After(deadline):
		c.tb.Fatalf("slot %d says nothing", c.slot)
		return ""
	}
}

// lines divides what a child writes.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
	c   chan string
}

func newLines() *lines { return &lines{c: make(chan string, 16)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(p)
	for bytes.IndexByte(l.buf.Bytes(), '\n') >= 0 {
		s, _ := l.buf.ReadString('\n')
		l.c <- s[:len(s)-1]
	}
	return len(p), nil
}

// eventually waits for a condition that no event announces.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited in vain: %s", what)
		}
	}
}
