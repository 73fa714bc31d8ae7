package rtmp

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// Interrupt ends a Next that waits, and one that is called afterwards, whatever deadlines the session sets in between.
func TestInterrupt(t *testing.T) {
	for _, early := range []bool{false, true} {
		client, server := tcpPair(t)
		accepted := make(chan *ServerConn, 1)
		go func() {
			c, err := Accept(context.Background(), server, nil)
			if err != nil {
				t.Error(err)
			}
			accepted <- c
			if early {
				c.Interrupt()
			}
			if err := c.AcceptConnect(); err != nil { // starts the command timeout
				t.Error(err)
			}
		}()
		peer, err := NewClient(context.Background(), client, ConnectRequest{App: "live"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := <-accepted
		ended := make(chan error, 1)
		go func() {
			_, err := c.Next()
			ended <- err
		}()
		if !early {
			c.Interrupt()
		}
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("early %v: Next = %v", early, err)
		}
		_ = c.Close()
		_ = peer.Close()
	}
}

// A peer that reads nothing holds an interrupted connection up for a moment only, also in the middle of an answer to it.
func TestInterruptEndsAWrite(t *testing.T) {
	client, server := net.Pipe() // takes nothing that is not read
	defer client.Close()
	publishing := make(chan struct{})
	go func() {
		c, err := NewClient(t.Context(), client, ConnectRequest{App: "live"}, nil)
		if err != nil {
			return
		}
		id, err := c.Publish(t.Context(), "x")
		if err != nil {
			return
		}
		close(publishing)
		_ = c.WriteMessage(&Message{Type: TypeWindowAckSize, Payload: []byte{0, 0, 0x10, 0}})
		for range 5 { // the first is to be acknowledged, and nobody reads that
			_ = c.WriteMessage(&Message{Type: TypeVideo, StreamID: id, Payload: make([]byte, 5000)})
		}
	}()
	c, err := Accept(t.Context(), server, &Config{WriteTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.AcceptConnect(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			ev, err := c.Next()
			if err == nil && ev.Kind == EventPublish {
				err = c.AcceptPublish(ev.StreamID)
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	<-publishing
	for c.wmu.TryLock() { // until it writes the acknowledgement
		c.wmu.Unlock()
		runtime.Gosched()
	}
	c.Interrupt()
	select {
	case err := <-done:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(20 * time.Second):
		t.Error("Next did not return")
	}
}
