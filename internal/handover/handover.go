// Package handover is what the master and a worker say to each other: over a unix socket pair, in messages of JSON, some with descriptors.
//
//	 0       4
//	+-------+---------------------+
//	| size  | {"kind":…,"body":…} |   size: big-endian, of the JSON; descriptors come as SCM_RIGHTS with the first byte
//	+-------+---------------------+
//
// A large body is not there ({"kind":…,"apart":true}), but in memory whose descriptor comes behind the others. So what fits the socket is a number of
// messages, whatever the size of the configuration: who sends some to a process that hangs is not held up.
//
// The end of the socket is how each side learns of the other's death.
package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// ControlFD is the worker's descriptor of its end of the socket pair.
const ControlFD = 3

// MaxFiles is how many descriptors a message may have: the kernel passes at most SCM_MAX_FD, 253, at once, of which one is for the body.
const MaxFiles = 252

const maxMessage = 4 << 20 // bytes

var (
	// ErrTooLarge is returned for a message, or a number of descriptors, beyond the bounds.
	ErrTooLarge = errors.New("handover: the message is too large")
	// ErrLost says that a message lacks its descriptors, which the kernel could not give to this process.
	ErrLost = errors.New("handover: no descriptor is free: raise the limit (ulimit -n; systemd: LimitNOFILE)")
	// ErrUnexpected is returned for a message of another kind than asked for.
	ErrUnexpected = errors.New("handover: unexpected message")
)

// A Conn is one end. One goroutine may receive while others send.
type Conn struct {
	uc *net.UnixConn
	mu sync.Mutex // one message at a time is sent
}

// Pair returns the master's end, and the file that becomes descriptor ControlFD of the worker.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("handover: %w", os.NewSyscallError("socketpair", err))
	}
	child := os.NewFile(uintptr(fds[1]), "control")
	c, err := Open(os.NewFile(uintptr(fds[0]), "control"))
	if err != nil {
		return nil, nil, errors.Join(err, child.Close())
	}
	return c, child, nil
}

// Inherited returns the worker's end.
func Inherited() (*Conn, error) {
	unix.CloseOnExec(ControlFD)
	return Open(os.NewFile(ControlFD, "control"))
}

// Open returns the end that a file of Pair stands for. It closes the file.
func Open(f *os.File) (*Conn, error) {
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("handover: descriptor %d is no unix socket: start workers through the master", ControlFD), nc.Close())
	}
	return &Conn{uc: uc}, nil
}

type envelope struct {
	Kind  Kind            `json:"kind"`
	Body  json.RawMessage `json:"body,omitempty"`
	Apart bool            `json:"apart,omitempty"` // the body is in memory of its own
}

// Send sends a message. The files stay the caller's.
func (c *Conn) Send(k Kind, body any, files ...*os.File) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("handover: %s: %w", k, err)
	}
	if len(b) > maxMessage || len(files) > MaxFiles {
		return fmt.Errorf("%w: %s: %d bytes, %d descriptors", ErrTooLarge, k, len(b), len(files))
	}
	e := envelope{Kind: k, Body: b}
	if len(b) > maxInline {
		apart, err := memory(b)
		if err != nil {
			return fmt.Errorf("handover: %s: %w", k, err)
		}
		defer apart.Close()
		e.Body, e.Apart, files = nil, true, append(slices.Clip(files), apart)
	}
	msg, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("handover: %s: %w", k, err)
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...)
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _, err := c.uc.WriteMsgUnix(framed, rights, nil)
	if err == nil && n < len(framed) {
		_, err = c.uc.Write(framed[n:])
	}
	if err != nil {
		return fmt.Errorf("handover: %s: %w", k, err)
	}
	return nil
}

// A Message is what was received. Its files belong to the receiver.
type Message struct {
	Kind  Kind
	Body  json.RawMessage // nil if it was apart, and is lost
	Files []*os.File
	Lost  bool // it came with descriptors, and this process has none free: it has no files
}

// Receive returns the next message; io.EOF when the other side is gone.
func (c *Conn) Receive() (Message, error) {
	var head [4]byte
	oob := make([]byte, unix.CmsgSpace(4*(MaxFiles+1)))
	n, oobn, flags, _, err := c.uc.ReadMsgUnix(head[:], oob)
	if err != nil {
		return Message{}, err
	}
	files, err := received(oob[:oobn])
	if err != nil {
		return Message{}, err
	}
	m := Message{Files: files}
	if m.Lost = flags&unix.MSG_CTRUNC != 0; m.Lost { // some are useless
		m.closeFiles()
	}
	if err := c.receiveBody(&m, head[:], n); err != nil {
		m.closeFiles()
		return Message{}, err
	}
	return m, nil
}

func (m *Message) closeFiles() {
	for _, f := range m.Files {
		f.Close()
	}
	m.Files = nil
}

func (c *Conn) receiveBody(m *Message, head []byte, n int) error {
	if n == 0 {
		return io.EOF
	}
	if _, err := io.ReadFull(c.uc, head[n:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	if size > maxMessage {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	msg := make([]byte, size)
	if _, err := io.ReadFull(c.uc, msg); err != nil {
		return err
	}
	var e envelope
	if err := json.Unmarshal(msg, &e); err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	m.Kind, m.Body = e.Kind, e.Body
	if e.Apart && !m.Lost {
		return m.join()
	}
	return nil
}

// received turns control messages into files.
func received(oob []byte) ([]*os.File, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	var files []*os.File
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue // not descriptors
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd)))
		}
	}
	return files, nil
}

// Expect receives a message of one kind into body.
func (c *Conn) Expect(k Kind, body any) ([]*os.File, error) {
	m, err := c.Receive()
	if err != nil {
		return nil, fmt.Errorf("handover: wait for %s: %w", k, err)
	}
	switch {
	case m.Kind != k:
		return nil, fmt.Errorf("%w: %q instead of %q", ErrUnexpected, m.Kind, k)
	case m.Lost:
		return nil, fmt.Errorf("%w: %s", ErrLost, k)
	}
	if err := json.Unmarshal(m.Body, body); err != nil {
		return nil, fmt.Errorf("handover: %s: %w", k, err)
	}
	return m.Files, nil
}

// Close ends the connection: the other side receives io.EOF.
func (c *Conn) Close() error { return c.uc.Close() }
