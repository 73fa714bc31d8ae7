package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// Bounds of what is encrypted and not sent yet.
const (
	maxSealed = 64 << 10  // plaintext, encrypted at once
	maxHeld   = 128 << 10 // ciphertext: the above, and what crypto/tls answers to a peer that reads nothing
)

// A wire is the connection that a tls.Conn has underneath. In the handshake it is just the socket. From then on its Write never blocks: what the
// socket does not take is held, in order, until somebody pushes it.
//
// Its lock is held during writes to the socket, which don't block: two of them must not overtake one another. It nests in the tls.Conn's own.
type wire struct {
	net.Conn

	in *chunk.Socket // the socket; nil if it is none

	// owned by the reading goroutine
	heard bool // in the handshake: the peer has sent something
	now   bool // reading must not wait

	open   atomic.Bool // the handshake is done
	socket live.Sink   // set before open is

	mu     sync.Mutex
	corked bool   // more follows at once: keep it together
	held   []byte // encrypted, and not taken by the socket yet
	one    [1][]byte
}

// begin ends the handshake.
func (w *wire) begin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open.Load() {
		return nil
	}
	s, err := live.NewSink(w.Conn)
	if err != nil {
		return err
	}
	w.socket = s
	w.open.Store(true)
	return nil
}

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	if w.now {
		return w.in.ReadNow(b)
	}
	n, err := w.Conn.Read(b)
	if n > 0 && !w.open.Load() {
		w.heard = true
	}
	return n, err
}

// Write implements net.Conn, for crypto/tls: with what a player or Conn.Write gave it, and with what it says by itself.
func (w *wire) Write(b []byte) (int, error) {
	if !w.open.Load() {
		return w.Conn.Write(b)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	if !w.corked {
		if err := w.pushLocked(); err != nil {
			return 0, err
		}
		if len(w.held) == 0 {
			var err error
			if n, err = w.give(b); err != nil {
				return n, err
			}
		}
	}
	if len(w.held)+len(b)-n > maxHeld {
		return n, errBacklog
	}
	w.held = append(w.held, b[n:]...)
	return len(b), nil
}

// give offers b to the socket. Called with mu held.
func (w *wire) give(b []byte) (int, error) {
	w.one[0] = b
	n, err := w.socket.TryWritev(w.one[:])
	w.one[0] = nil
	return n, err
}

// push gives the socket as much of what is held as it takes, and tells whether that was all.
func (w *wire) push() (empty bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err = w.pushLocked()
	return len(w.held) == 0, err
}

func (w *wire) pushLocked() error {
	if len(w.held) == 0 {
		return nil
	}
	n, err := w.give(w.held)
	if w.held = w.held[n:]; len(w.held) == 0 {
		w.held = nil
	}
	return err
}

// cork holds back what is written until uncork, so that it leaves in one piece. The buffer becomes the wire's.
func (w *wire) cork(buffer []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.corked, w.held = true, append(buffer[:0], w.held...)
}

// uncork gives the socket what it takes, and the buffer back to its owner; what is left is held in memory of its own size.
func (w *wire) uncork() (buffer []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.corked = false
	buffer = w.held
	err = w.pushLocked()
	w.held = append([]byte(nil), w.held...)
	return buffer, err
}

// holds is how much waits for the socket.
func (w *wire) holds() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.held)
}

// SetWriteDeadline implements net.Conn. It is called by crypto/tls alone, around an alert: writing never blocks, and the socket's deadline is
// for others to set.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
