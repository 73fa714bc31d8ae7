// Package handover is what the master and a worker say to each other: over a unix socket pair, in messages of JSON, some with descriptors.
//
//	 0       4
//	+-------+---------------------+
//	| size  | {"kind":…,"body":…} |   size: big-endian, of the JSON; descriptors come as SCM_RIGHTS with the first byte
//	+-------+---------------------+
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
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
)

// ControlFD is the worker's descriptor of its end of the socket pair.
const ControlFD = 3

// Kind says what a message is.
type Kind string

// The messages.
const (
	KindStart Kind = "start" // master → worker: a Start, with descriptors
	KindReady Kind = "ready" // worker → master: it accepts
	KindStop  Kind = "stop"  // master → worker: a Stop
	KindZone  Kind = "zone"  // master → worker: nothing, with the descriptor of the zone that it is to follow to
	KindHeard Kind = "heard" // worker → master: nothing; it is done with the last zone, whatever came of it

	KindReload Kind = "reload" // master → worker: a Reload, after each attempt
	KindNoted  Kind = "noted"  // worker → master: nothing; it has taken notice of the last Reload
)

// A Start is all that a worker needs to know. Its descriptors are the zone's memory, then the sockets, in their order.
type Start struct {
	Worker   int            `json:"worker"` // 0..N-1, stable: names the worker's own ports
	Slot     int            `json:"slot"`   // of this process in the zone: names its private sockets
	Epoch    uint16         `json:"epoch"`  // of the slot
	Workers  int            `json:"workers"`
	Restarts int            `json:"restarts"`
	Ends     map[string]int `json:"ends"` // how the processes of this worker before ended, counted by reason
	Reload   Reload         `json:"reload"`
	Config   *config.Config `json:"config"`
	Sockets  []Socket       `json:"sockets"`
}

// A Reload says how the last attempt went to load the configuration; the first is the start of the server.
type Reload struct {
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"`
	Loaded time.Time `json:"loaded"` // of the last that went well
}

// A Socket describes a listening socket that is handed over.
type Socket struct {
	Addr   string          `json:"addr"`
	Serves config.Protocol `json:"serves"`
	Scope  config.Scope    `json:"scope"`
}

// A Stop asks a worker to end in order within a time.
type Stop struct {
	Within time.Duration `json:"within"`
}

// Bounds of a message. The kernel passes at most SCM_MAX_FD descriptors at once.
const (
	maxMessage = 4 << 20
	maxFiles   = 253
)

var (
	// ErrTooLarge is returned for a message, or a number of descriptors, beyond the bounds.
	ErrTooLarge = errors.New("handover: the message is too large")
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
	Kind Kind            `json:"kind"`
	Body json.RawMessage `json:"body,omitempty"`
}

// Send sends a message. The files stay the caller's.
func (c *Conn) Send(k Kind, body any, files ...*os.File) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("handover: %s: %w", k, err)
	}
	msg, err := json.Marshal(envelope{k, b})
	if err != nil {
		return fmt.Errorf("handover: %s: %w", k, err)
	}
	if len(msg) > maxMessage || len(files) > maxFiles {
		return fmt.Errorf("%w: %s: %d bytes, %d descriptors", ErrTooLarge, k, len(msg), len(files))
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
	Body  json.RawMessage
	Files []*os.File
}

// Receive returns the next message; io.EOF when the other side is gone.
func (c *Conn) Receive() (Message, error) {
	var head [4]byte
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, _, _, err := c.uc.ReadMsgUnix(head[:], oob)
	if err != nil {
		return Message{}, err
	}
	files, err := received(oob[:oobn])
	if err != nil {
		return Message{}, err
	}
	m := Message{Files: files}
	if err := c.receiveBody(&m, head[:], n); err != nil {
		for _, f := range files {
			f.Close()
		}
		return Message{}, err
	}
	return m, nil
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
	if m.Kind != k {
		return nil, fmt.Errorf("%w: %q instead of %q", ErrUnexpected, m.Kind, k)
	}
	if err := json.Unmarshal(m.Body, body); err != nil {
		return nil, fmt.Errorf("handover: %s: %w", k, err)
	}
	return m.Files, nil
}

// Close ends the connection: the other side receives io.EOF.
func (c *Conn) Close() error { return c.uc.Close() }
