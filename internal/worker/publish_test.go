package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const testTime = 10 * time.Second

// A served worker takes publishers, over TCP, into a zone of its own. It is slot 0; slot 1 is a sibling's.
type served struct {
	*Worker
	t       *testing.T
	keeper  *streamzone.Keeper
	sibling *streamzone.Zone
	logged  lockedLog
	heard   lockedLog // what players read
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns what was logged since the last call.
func (l *lockedLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

func serve(t *testing.T, sizes streamzone.Config) *served {
	t.Helper()
	s := &served{t: t}
	var err error
	if s.keeper, err = streamzone.Create(sizes); err != nil {
		t.Fatal(err)
	}
	epoch, err0 := s.keeper.OpenSlot(0)
	other, err1 := s.keeper.OpenSlot(1)
	if err := errors.Join(err0, err1); err != nil {
		t.Fatal(err)
	}
	if s.sibling, err = streamzone.Join(s.keeper.File(), 1, other); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", s.keeper.File().Fd())) // the worker closes its own
	if err != nil {
		t.Fatal(err)
	}
	if s.Worker, err = newWorker(handover.Start{Epoch: epoch, Workers: 2, Config: config.Default()}, []*os.File{f}, new(slog.LevelVar)); err != nil {
		t.Fatal(err)
	}
	s.log = slog.New(slog.NewTextHandler(&s.logged, nil))
	t.Cleanup(func() {
		s.sessions.Wait() // their clients have gone
		s.hub.Close(context.Background())
		s.close()
		if err := errors.Join(s.sibling.Close(), s.keeper.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// publishOne publishes a name of the app "live" over a connection of its own, which it returns.
func (s *served) publishOne(name string) (*rtmp.ClientConn, error) {
	s.t.Helper()
	ours, theirs := tcpPair(s.t)
	s.run(transport.Wrap(ours, false, &transport.Options{}), &listener{}, func() {})
	return s.publishOver(theirs, name)
}

func (s *served) publishOver(nc net.Conn, name string) (*rtmp.ClientConn, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	c, err := rtmp.NewClient(ctx, nc, rtmp.ConnectRequest{App: "live"}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	_, err = c.Publish(ctx, name)
	return c, err
}

func tcpPair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// counted are the results of a counter that are not zero.
func (s *served) counted(name string) map[string]float64 {
	s.t.Helper()
	families, err := s.gather.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if v := m.GetCounter().GetValue(); f.GetName() == name && v != 0 {
				got[m.GetLabel()[0].GetValue()] = v
			}
		}
	}
	return got
}

// A verdict is what becomes of a claim's error.
type verdict struct {
	publish, claim string // labels
	code           string
	advice         string // in the description
	logged         string // in the log
}

var (
	fullVerdict   = verdict{metrics.PublishZoneFull, metrics.ClaimFull, rtmp.CodePublishFailed, "try again later", "limit=stream_zone.streams"}
	bucketVerdict = verdict{
		metrics.PublishZoneFull, metrics.ClaimBucketFull, rtmp.CodePublishFailed, "choose another, or try again later", "limit=stream_zone.buckets",
	}
	takenVerdict = verdict{metrics.PublishTaken, metrics.ClaimTaken, rtmp.CodePublishBadName, "choose another name, or try again when it has ended", ""}
	nameVerdict  = verdict{metrics.PublishBadName, metrics.ClaimBadName, rtmp.CodePublishBadName, "choose another", ""}
	endVerdict   = verdict{metrics.PublishError, metrics.ClaimClosed, rtmp.CodePublishFailed, "try again later", `msg="claim failed"`}
	otherVerdict = verdict{metrics.PublishError, metrics.ClaimError, rtmp.CodePublishFailed, "try again later", `msg="claim failed"`}
)

// verdicts has every error of package streamzone, by its name there.
var verdicts = map[string]struct {
	err error
	verdict
}{
	"ErrTaken":       {streamzone.ErrTaken, takenVerdict},
	"ErrFull":        {streamzone.ErrFull, fullVerdict},
	"ErrBucketFull":  {streamzone.ErrBucketFull, bucketVerdict},
	"ErrNameEmpty":   {streamzone.ErrNameEmpty, nameVerdict},
	"ErrNameTooLong": {streamzone.ErrNameTooLong, nameVerdict},
	"ErrSlotClosed":  {streamzone.ErrSlotClosed, endVerdict},
	"ErrClosed":      {streamzone.ErrClosed, endVerdict},
	"ErrCorrupt":     {streamzone.ErrCorrupt, otherVerdict},
	"ErrMoved":       {streamzone.ErrMoved, otherVerdict},
	"ErrReadOnly":    {streamzone.ErrReadOnly, otherVerdict},
	// Those of other calls.
	"ErrVersion":     {streamzone.ErrVersion, otherVerdict},
	"ErrConfig":      {streamzone.ErrConfig, otherVerdict},
	"ErrBadID":       {streamzone.ErrBadID, otherVerdict},
	"ErrSlotRange":   {streamzone.ErrSlotRange, otherVerdict},
	"ErrSlotOpen":    {streamzone.ErrSlotOpen, otherVerdict},
	"ErrSlotBusy":    {streamzone.ErrSlotBusy, otherVerdict},
	"ErrSlotEmpty":   {streamzone.ErrSlotEmpty, otherVerdict},
	"ErrKeeperBusy":  {streamzone.ErrKeeperBusy, otherVerdict},
	"ErrTooSmall":    {streamzone.ErrTooSmall, otherVerdict},
	"ErrNotFollowed": {streamzone.ErrNotFollowed, otherVerdict},
	"ErrBusy":        {streamzone.ErrBusy, otherVerdict},
}

// zoneErrors lists the errors that package streamzone declares.
func zoneErrors(t *testing.T) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../streamzone/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, name := range spec.Names {
				found = append(found, name.Name)
			}
		}
		return true
	})
	return found
}

// TestEveryZoneError: whatever a claim ends with, the publisher is told what to do, and it is counted as what it is.
func TestEveryZoneError(t *testing.T) {
	declared := zoneErrors(t)
	if len(declared) != len(verdicts) {
		t.Errorf("package streamzone has the errors %v; the table has %d", declared, len(verdicts))
	}
	for _, name := range declared {
		v, ok := verdicts[name]
		if !ok {
			t.Errorf("%s is not in the table", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := serve(t, streamzone.Config{Streams: 2})
			for i, err := range []error{v.err, fmt.Errorf("claim: %w", v.err)} {
				if got := claimResult(err); got != v.claim {
					t.Errorf("claimResult(%v) = %q, want %q", err, got, v.claim)
				}
				s.judge(s.refuseOver(err), v.verdict, i == 0)
				if got := s.counted("rtmpedge_publishes_total"); len(got) != 1 || got[v.publish] != float64(i+1) {
					t.Errorf("counted %v, want %d %s", got, i+1, v.publish)
				}
			}
		})
	}
	if got := claimResult(nil); got != metrics.ClaimOK {
		t.Errorf("claimResult(nil) = %q", got)
	}
}

// judge looks at what a publisher was told and what was logged. Only the first of many that find the zone full is logged.
func (s *served) judge(err error, v verdict, first bool) {
	s.t.Helper()
	var refused *rtmp.StatusError
	if !errors.As(err, &refused) || refused.Level != rtmp.LevelError || refused.Code != v.code || !strings.Contains(refused.Description, v.advice) {
		s.t.Errorf("the publisher got %v, want %s with %q", err, v.code, v.advice)
	}
	logged := s.logged.take()
	if quiet := v.publish == metrics.PublishZoneFull && !first; quiet == strings.Contains(logged, v.logged) && v.logged != "" {
		s.t.Errorf("logged %q, want %q once", logged, v.logged)
	}
	if v.logged == "" && (strings.Contains(logged, "WARN") || strings.Contains(logged, "ERROR")) {
		s.t.Errorf("logged %q", logged)
	}
}

// refuseOver lets a session of the worker refuse a publisher because of err, and returns what that one was told.
func (s *served) refuseOver(err error) error {
	s.t.Helper()
	ours, theirs := tcpPair(s.t)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			conn, errAccept := rtmp.Accept(context.Background(), ours, s.settings.Load().rtmp)
			if errAccept != nil {
				return errAccept
			}
			defer conn.Close()
			if err := conn.AcceptConnect(); err != nil {
				return err
			}
			ev, errNext := conn.Next()
			if errNext != nil {
				return errNext
			}
			session := &session{connection: connection{w: s.Worker}, conn: conn, log: s.log}
			if err := session.refuseClaim(ev.Publish, "live/x", err); err != nil {
				return err
			}
			_, _ = conn.Next() // the client leaves
			return nil
		}()
	}()
	c, answer := s.publishOver(theirs, "x")
	c.Close()
	select {
	case err := <-done:
		if err != nil {
			s.t.Error(err)
		}
	case <-time.After(testTime):
		s.t.Error("the session does not end")
	}
	return answer
}
