package worker

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// resting counts the goroutines in which a player's session waits.
func resting() int {
	b := make([]byte, 1<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), ".(*session).rest(")
}

// TestPlayersRest: a player that says nothing rests, does so again when it has said something, and ends from there whoever ends it.
func TestPlayersRest(t *testing.T) {
	for name, end := range map[string]func(*rtmp.ClientConn, uint32, *session) error{
		"it deletes its stream": func(c *rtmp.ClientConn, id uint32, _ *session) error { return c.Unpublish(id) },
		"it goes":               func(c *rtmp.ClientConn, _ uint32, _ *session) error { return c.Close() },
		"it is ended": func(_ *rtmp.ClientConn, _ uint32, s *session) error {
			s.ended(live.EndKicked)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, streamzone.Config{Streams: 2})
			ours, theirs := tcpPair(t)
			s.run(transport.Wrap(ours, false, &transport.Options{}), &listener{}, func() {})
			ctx, cancel := context.WithTimeout(t.Context(), testTime)
			defer cancel()
			c, err := rtmp.NewClient(ctx, theirs, rtmp.ConnectRequest{App: "live"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			id, err := c.Play(ctx, "x")
			if err != nil {
				t.Fatal(err)
			}
			player := s.only()
			for range 3 {
				before := player.conn.Stats().MessagesRead
				if err := c.WriteMessage(&rtmp.Message{Type: rtmp.TypeAcknowledgement, Payload: []byte{0, 0, 1, 0}}); err != nil {
					t.Fatal(err)
				}
				until(t, "it rests again", func() bool { return player.conn.Stats().MessagesRead > before && resting() == 1 })
			}
			if err := end(c, id, player); err != nil {
				t.Fatal(err)
			}
			if name != "it goes" {
				if err := c.NetConn().SetReadDeadline(time.Now().Add(testTime)); err != nil {
					t.Fatal(err)
				}
				for err == nil {
					_, err = c.Next()
				}
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				c.Close()
			}
			s.sessions.Wait()
		})
	}
}

// only returns the worker's only session.
func (s *served) only() *session {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) != 1 {
		s.t.Fatalf("%d sessions", len(s.open))
	}
	for m := range s.open {
		return m.(*session)
	}
	return nil
}

// until waits for what happens at once.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(testTime); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", testTime, what)
		}
	}
}
