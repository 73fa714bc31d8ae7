//go:build torture

package streamzone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Between the supervisor and its children: a socket for each, on which a
// message is one packet, perhaps with a file.

// A request asks the keeper for one call.
type request struct {
	Do      string
	Place   int
	Alive   bool // close: the place's process lives, so it must be refused
	Buckets int
	Streams int
	Within  time.Duration
}

// A reply is how it went. The keeper itself judges whether it may be so.
type reply struct {
	Did    string // "" as long as the call is not over
	Epoch  uint16
	N      int
	Frozen time.Duration
	Closed [places]bool
}

// What a keeper did.
const (
	didAll     = "done"
	didMoved   = "moved"        // adopt: not the zone, but its successor
	didPass    = "pass"         // resize: here is the file; not over yet
	didNot     = "not followed" // resize
	didEmpty   = "slot empty"   // resize
	didTooMany = "too small"    // resize
)

// sendJSON sends a value, with a file or nil.
func sendJSON(c *net.UnixConn, v any, f *os.File) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var rights []byte
	if f != nil {
		rights = unix.UnixRights(int(f.Fd()))
	}
	_, _, err = c.WriteMsgUnix(b, rights, nil)
	return err
}

// receiveJSON is the other side. The file is nil if there was none.
func receiveJSON(c *net.UnixConn, v any) (*os.File, error) {
	b, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := c.ReadMsgUnix(b, rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, net.ErrClosed
	}
	if err := json.Unmarshal(b[:n], v); err != nil || m == 0 {
		return nil, err
	}
	control, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, err
	}
	fds, err := unix.ParseUnixRights(&control[0])
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "zone"), nil
}

// newControl makes both ends of a socket.
func newControl() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	theirs = os.NewFile(uintptr(fds[1]), "control")
	ours, err = asControl(os.NewFile(uintptr(fds[0]), "control"))
	return ours, theirs, err
}

// asControl takes the file over.
func asControl(f *os.File) (*net.UnixConn, error) {
	c, err := net.FileConn(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("the control is a %T", c)
	}
	return u, nil
}

// A process is a child of the torture.
type process struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	gone    chan struct{} // closed when it has been reaped
}

// startProcess runs a program of this binary. files begin with the zone and
// the oracle; the control is put between.
func startProcess(role string, env []string, zone, oracle, next *os.File) (*process, error) {
	ours, theirs, err := newControl()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(os.Args[0]), control: ours, gone: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), env...), envRole+"="+role)
	p.cmd.ExtraFiles = []*os.File{zone, oracle, theirs}
	if next != nil {
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, next)
	}
	p.cmd.Stdout, p.cmd.Stderr = os.Stderr, os.Stderr
	if err := errors.Join(p.cmd.Start(), theirs.Close()); err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.gone)
	}()
	return p, nil
}

func (p *process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// signal does nothing if the process has ended.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// killed tells, of a process that is gone, whether it was.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// end makes sure that there is no such process any more.
func (p *process) end() {
	p.signal(syscall.SIGKILL)
	<-p.gone
	_ = p.control.Close()
}
