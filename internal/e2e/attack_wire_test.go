package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A wire is one connection of an attacker. Its bytes are written by hand: what is on trial is not asked how to break itself.
type wire struct {
	a         *attacker
	number    int // among the attack's connections
	conn      net.Conn
	began     time.Time
	chunkSize int
	left      bool // the script has closed the connection

	mu       sync.Mutex
	sent     int64
	received int64
	text     []byte        // what the server said first
	news     chan struct{} // capacity 1: there is more of it
	ended    chan struct{} // the server closed, after so long
	closed   bool
	after    time.Duration
}

// maxText is how much is kept of what the server says.
const maxText = 256 << 10

// dial connects, with a receive buffer of so many bytes, or of the system's choice when 0. Nothing is read yet.
func (a *attacker) dial(number, buffer int) (*wire, error) {
	dialer := net.Dialer{Timeout: soon, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		controlErr := raw.Control(func(fd uintptr) {
			if buffer > 0 {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
			}
		})
		return errors.Join(err, controlErr)
	}}
	if a.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(a.From)}
	}
	w := &wire{a: a, number: number, began: time.Now(), chunkSize: 128, news: make(chan struct{}, 1), ended: make(chan struct{})}
	var err error
	w.conn, err = dialer.DialContext(context.Background(), "tcp", a.Targets[number%len(a.Targets)])
	return w, err
}

// each makes an attack of a script: every connection runs it, all at once, and then waits for the server to close.
func each(script func(w *wire) error) func(*attacker) error {
	return func(a *attacker) error {
		errs := make([]error, a.Count)
		var running sync.WaitGroup
		for i := range a.Count {
			running.Go(func() {
				w, err := a.dial(i, 0)
				if err != nil {
					errs[i] = err
					return
				}
				go w.read()
				errs[i] = script(w)
				w.conclude()
			})
		}
		running.Wait()
		return errors.Join(errs...)
	}
}

// openTime is how long an attacker waits to be closed.
const openTime = 30 * time.Second

// conclude waits for the server to close, unless the script has, and records what became of the connection.
func (w *wire) conclude() {
	if !w.left {
		select {
		case <-w.ended:
		case <-time.After(openTime):
		}
	}
	w.conn.Close()
	w.mu.Lock()
	f := fate{Local: w.conn.LocalAddr().String(), Sent: w.sent, Received: w.received, Closed: w.closed && !w.left, After: w.after}
	for _, code := range codePattern.FindAll(w.text, -1) {
		f.Codes = append(f.Codes, string(code))
	}
	w.mu.Unlock()
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	w.a.report.Sent += f.Sent
	w.a.report.Received += f.Received
	w.a.report.Fates = append(w.a.report.Fates, f)
}

var codePattern = regexp.MustCompile(`Net(Connection|Stream)\.[A-Za-z]+\.[A-Za-z]+`)

// read takes all that the server says, until the end of the connection.
func (w *wire) read() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.conn.Read(buffer)
		w.took(buffer[:n])
		if err != nil {
			w.mu.Lock()
			w.closed, w.after = !errors.Is(err, net.ErrClosed), time.Since(w.began)
			w.mu.Unlock()
			close(w.ended)
			return
		}
	}
}

func (w *wire) took(b []byte) {
	w.mu.Lock()
	w.received += int64(len(b))
	w.text = append(w.text, b[:min(len(b), maxText-len(w.text))]...)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// said counts what the server said so far.
func (w *wire) said(what []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Count(w.text, what)
}

// await waits for the server to say something.
func (w *wire) await(what string) error { return w.awaitCount(what, 1) }

func (w *wire) awaitCount(what string, n int) error {
	patience := time.After(soon)
	for ended := false; w.said([]byte(what)) < n; {
		if ended {
			return fmt.Errorf("connection %d: closed before %q", w.number, what)
		}
		select {
		case <-w.news:
		case <-w.ended: // it may have said so before
			ended = true
		case <-patience:
			return fmt.Errorf("connection %d: no %q", w.number, what)
		}
	}
	return nil
}

// send writes; the server may close in the middle of it.
func (w *wire) send(parts ...[]byte) {
	n, _ := w.conn.Write(bytes.Join(parts, nil))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent += int64(n)
}

// repeat calls send at intervals, with 0, 1 and so on, until the connection ends, or is clearly not going to.
func (w *wire) repeat(every time.Duration, send func(i int)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; time.Since(w.began) < openTime; i++ {
		select {
		case <-w.ended:
			return
		case <-tick.C:
			send(i)
		}
	}
}

// trickle writes one byte a second.
func (w *wire) trickle(b []byte) {
	w.repeat(time.Second, func(i int) { w.send(b[min(i, len(b)):min(i+1, len(b))]) })
}

// leave closes the connection from this end.
func (w *wire) leave() {
	w.left = true
	w.conn.Close()
}

// alive checks that the server still listens, then leaves.
func (w *wire) alive() error {
	defer w.leave()
	return w.ping(0xa11fe)
}

// ping sends a PingRequest and waits for its answer (RTMP 1.0 §7.1.7).
func (w *wire) ping(number uint32) error {
	w.message(2, 4, 0, 0, pingRequest(number))
	return w.await(string(pongOf(number)))
}

// half closes the sending side: the server sees the end of what it was sent.
func (w *wire) half() {
	if tcp, ok := w.conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // the server may have closed
	}
}

// drain reads at the given pace until the connection ends; 0 is at once.
func (w *wire) drain(pause time.Duration, stop <-chan struct{}) error {
	buffer := make([]byte, 4<<10)
	for {
		n, err := w.conn.Read(buffer)
		w.took(buffer[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		case <-time.After(pause):
		}
	}
}
