package relay

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const deadline = 10 * time.Second

// A stage is a zone with the puller in slot 0 and an owner in slot 1, whose private socket is the test's.
type stage struct {
	t      *testing.T
	owner  *streamzone.Zone
	keeper *streamzone.Keeper
	puller *Puller
	socket net.Listener
	ended  chan error
	feeds  chan *feed
}

// within returns settings with a time to connect.
func within(d time.Duration) func() Settings {
	return func() Settings { return Settings{ConnectTimeout: d} }
}

func newStage(t *testing.T) *stage {
	t.Helper()
	k, err := streamzone.Create(streamzone.Config{Buckets: 7, Streams: 50, NameMax: 100})
	must(t, err)
	t.Cleanup(func() { must(t, k.Close()) })
	join := func(slot int) *streamzone.Zone {
		epoch, err := k.OpenSlot(slot)
		must(t, err)
		z, err := streamzone.Join(k.File(), slot, epoch)
		must(t, err)
		t.Cleanup(func() { must(t, z.Close()) })
		return z
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	s := &stage{t: t, keeper: k, owner: join(1), socket: l, ended: make(chan error, 100), feeds: make(chan *feed, 100)}
	s.puller = &Puller{
		Zone: join(0), Slot: 0, Settings: within(5 * time.Second), Logger: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, _ int) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
		Events: Events{Ended: func(_ bool, cause error) { s.ended <- cause }},
	}
	return s
}

// run runs the puller until the test ends.
func (s *stage) run(key string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.puller.Run(ctx, key, func(id string) (Feed, error) {
			f := &feed{id: id, got: make(chan rtmp.Message, 1000), detached: make(chan struct{})}
			s.feeds <- f
			return f, nil
		})
	}()
	s.t.Cleanup(func() {
		cancel()
		if err := await(s.t, done, "the puller's end"); err != nil {
			s.t.Error(err)
		}
	})
}

type feed struct {
	id       string
	got      chan rtmp.Message
	detached chan struct{}
	once     sync.Once

	handedOver atomic.Bool
}

func (f *feed) Append(m *rtmp.Message) error {
	f.got <- *m
	return nil
}

func (f *feed) Detach() { f.once.Do(func() { close(f.detached) }) }

func (f *feed) HandOver(within time.Duration) {
	if within > 0 {
		f.handedOver.Store(true)
	}
	f.Detach()
}

// accept is the owner: it lets the next relay play, and returns its connection and what it asked for.
func (s *stage) accept() (*rtmp.ServerConn, *rtmp.PlayRequest) {
	s.t.Helper()
	conns := make(chan net.Conn, 1)
	go func() {
		if nc, err := s.socket.Accept(); err == nil {
			conns <- nc
		}
	}()
	c, err := rtmp.Accept(context.Background(), await(s.t, conns, "a relay"), nil)
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, c.Close()) })
	must(s.t, c.AcceptConnect())
	ev, err := c.Next()
	must(s.t, err)
	if ev.Kind != rtmp.EventPlay {
		s.t.Fatalf("a relay sent %v", ev.Kind)
	}
	return c, ev.Play
}

// relayed publishes a stream and has it pulled: its claim, the relay's connection to the owner, what it plays, and where it arrives.
func (s *stage) relayed(key string) (streamzone.Claim, *rtmp.ServerConn, *rtmp.PlayRequest, *feed) {
	s.t.Helper()
	claim, err := s.owner.Claim(key)
	must(s.t, err)
	s.run(key)
	c, play := s.accept()
	must(s.t, c.AcceptPlay(play))
	return claim, c, play, await(s.t, s.feeds, "feed")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(deadline):
		t.Fatalf("no %s within %v", what, deadline)
		panic("unreachable")
	}
}

func TestPullsWhatIsPublishedElsewhere(t *testing.T) {
	s := newStage(t)
	s.run("live/east/cam") // before it is published
	claim, err := s.owner.Claim("live/east/cam")
	must(t, err)
	c, play := s.accept()
	if id, ok := Publication(c.ConnectRequest()); !ok || id != claim.ID() || c.ConnectRequest().App != "live" || play.Name != "east/cam" {
		t.Fatalf("the relay asks for %v of app %q, name %q", id, c.ConnectRequest().App, play.Name)
	}
	must(t, c.AcceptPlay(play))
	want := []rtmp.Message{
		{Type: rtmp.TypeData, StreamID: 1, Timestamp: 1, Payload: []byte("\x02\x00\x01x\x05")},
		{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 0xfffffffe, Payload: make([]byte, 200_000)},
		{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 3, Payload: []byte{}},
		{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: 4, Payload: []byte("\x93zzzz unknown to us")},
	}
	for i := range want {
		must(t, c.WriteMessage(&want[i]))
	}
	f := await(t, s.feeds, "feed")
	if f.id != claim.ID().String() {
		t.Errorf("the feed is for %q, want %q", f.id, claim.ID())
	}
	var got []rtmp.Message
	for range want {
		m := await(t, f.got, "message")
		if m.Payload == nil {
			m.Payload = []byte{}
		}
		got = append(got, m)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-sent +arrived)\n%s", d)
	}
	must(t, c.WriteStatus(play.StreamID, rtmp.Status{Code: rtmp.CodePlayUnpublishNotify}))
	if err := await(t, s.ended, "end"); !errors.Is(err, ErrEnded) {
		t.Errorf("ended by %v", err)
	}
	await(t, f.detached, "detach")
}

func TestFollowsThePublicationToItsNewOwner(t *testing.T) {
	s := newStage(t)
	first, _, _, f := s.relayed("live/x")
	if !s.owner.Release(first) {
		t.Fatal("not released")
	}
	second, err := s.owner.Claim("live/x") // rings; the first connection is still open
	must(t, err)
	if err := await(t, s.ended, "end"); !errors.Is(err, ErrMoved) {
		t.Errorf("ended by %v", err)
	}
	await(t, f.detached, "detach")
	c, _ := s.accept()
	if id, _ := Publication(c.ConnectRequest()); id != second.ID() {
		t.Errorf("asks for %v, want %v", id, second.ID())
	}
}

// TestLastMessagesArrive: the zone says that a publication is over before its last messages are here.
func TestLastMessagesArrive(t *testing.T) {
	s := newStage(t)
	claim, c, play, f := s.relayed("live/x")
	if !s.owner.Release(claim) {
		t.Fatal("not released")
	}
	_, err := s.owner.Claim("live/x") // rings
	must(t, err)
	last := rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 3, Payload: []byte{1}}
	must(t, c.WriteMessage(&last))
	must(t, c.WriteStatus(play.StreamID, rtmp.Status{Code: rtmp.CodePlayUnpublishNotify}))
	if m := await(t, f.got, "last message"); m.Timestamp != 3 {
		t.Errorf("got %v", m)
	}
	if err := await(t, s.ended, "end"); !errors.Is(err, ErrEnded) {
		t.Errorf("ended by %v", err)
	}
}

// TestTakenOver: players are kept where another publisher takes the stream over, and only there.
func TestTakenOver(t *testing.T) {
	for code, want := range map[string]error{CodeTakenOver: ErrTakenOver, rtmp.CodePlayUnpublishNotify: ErrEnded} {
		s := newStage(t)
		_, c, play, f := s.relayed("live/x")
		must(t, c.WriteStatus(play.StreamID, rtmp.Status{Code: code}))
		if err := await(t, s.ended, "end"); !errors.Is(err, want) {
			t.Errorf("ended by %v", err)
		}
		await(t, f.detached, "detach")
		if f.handedOver.Load() != (code == CodeTakenOver) {
			t.Errorf("%s: handed over: %v", code, f.handedOver.Load())
		}
	}
}

// TestPanicInAFeed: what a publisher sent may trip over a bug of ours; that ends the pull, which is tried again, and nothing else.
func TestPanicInAFeed(t *testing.T) {
	s := newStage(t)
	_, c, _, f := s.relayed("live/x")
	close(f.got) // Append panics
	must(t, c.WriteMessage(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Payload: []byte{1}}))
	if err := await(t, s.ended, "end"); !errors.Is(err, ErrPanic) {
		t.Errorf("ended by %v", err)
	}
	await(t, f.detached, "detach")
	c, play := s.accept()
	must(t, c.AcceptPlay(play))
	await(t, s.feeds, "second feed")
}

func TestOwnerThatRefusesIsTriedAgain(t *testing.T) {
	s := newStage(t)
	_, err := s.owner.Claim("live/x")
	must(t, err)
	s.run("live/x")
	for range 3 {
		c, play := s.accept()
		must(t, c.WriteStatus(play.StreamID, rtmp.Status{Level: rtmp.LevelError, Code: rtmp.CodePlayStreamNotFound}))
		if err := await(t, s.ended, "end"); !errors.As(err, new(*rtmp.StatusError)) {
			t.Errorf("ended by %v", err)
		}
	}
	c, play := s.accept()
	must(t, c.AcceptPlay(play))
	await(t, s.feeds, "feed")
	must(t, c.Close()) // the connection breaks, the publication goes on
	if err := await(t, s.ended, "end"); err == nil || errors.Is(err, ErrEnded) {
		t.Errorf("ended by %v", err)
	}
	c, play = s.accept()
	must(t, c.AcceptPlay(play))
	await(t, s.feeds, "second feed")
}

// TestDeadOwnerIsGivenUp: the owner's socket still takes connections, as a killed worker's does, but nobody answers.
func TestDeadOwnerIsGivenUp(t *testing.T) {
	s := newStage(t)
	_, err := s.owner.Claim("live/x")
	must(t, err)
	s.puller.Settings = within(time.Hour)
	s.run("live/x")
	nc, err := s.socket.Accept()
	must(t, err)
	defer nc.Close()
	must(t, s.owner.Close()) // the process ends …
	must(t, s.keeper.CloseSlot(1))
	if err := await(t, s.ended, "end"); !errors.Is(err, ErrMoved) {
		t.Errorf("ended by %v", err)
	}
	_, err = s.keeper.Sweep(1)
	must(t, err)
}

func TestOwnStreamsAreNotPulled(t *testing.T) {
	s := newStage(t)
	own, err := s.puller.Zone.Claim("live/x")
	must(t, err)
	s.run("live/x")
	if !s.puller.Zone.Release(own) {
		t.Fatal("not released")
	}
	theirs, err := s.owner.Claim("live/x") // the first that may lead to a connection
	must(t, err)
	c, _ := s.accept()
	if id, _ := Publication(c.ConnectRequest()); id != theirs.ID() {
		t.Errorf("asks for %v, want %v", id, theirs.ID())
	}
}
