package rtmp

import (
	"context"
	"errors"
	"os"
	"testing"
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
