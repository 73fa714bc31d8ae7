package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testTimeout = 400 * time.Millisecond

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fakeLocal is a worker that knows what a test says.
type fakeLocal struct {
	fakeDropIn
	fakeControl

	info    WorkerInfo
	zone    ZoneInfo
	zoneErr error

	mu      sync.Mutex
	streams []LocalStream
	kicked  []string

	publication string // of streams, for GiveUp
}

func (f *fakeLocal) Worker() WorkerInfo      { return f.describe(f.info) }
func (f *fakeLocal) Zone() (ZoneInfo, error) { return f.zone, f.zoneErr }

func (f *fakeLocal) Streams() []LocalStream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.streams)
}

func (f *fakeLocal) KickPublisher(app, name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kicked = append(f.kicked, app+" "+name)
	n := len(f.streams)
	f.streams = slices.DeleteFunc(f.streams, func(s LocalStream) bool {
		return s.App == app && s.Name == name && s.Role == RolePublisher
	})
	return len(f.streams) < n
}

func (f *fakeLocal) GiveUp(_ context.Context, stream, publication string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.streams)
	f.streams = slices.DeleteFunc(f.streams, func(s LocalStream) bool {
		return s.App+"/"+s.Name == stream && publication == f.publication
	})
	return len(f.streams) < n
}

// A cluster is several workers, each with its API on a real unix socket.
type cluster struct {
	locals []*fakeLocal
	regs   []*prometheus.Registry
	apis   []*API
	stops  []func() // of the private sockets
	public string   // host:port of worker 0
	logs   lockedBuffer

	mu    sync.Mutex
	peers []broadcast.Peer
}

// newCluster starts n workers; worker i has slot 10+i.
func newCluster(t testing.TB, n int, options ...func(*Options)) *cluster {
	t.Helper()
	c := &cluster{}
	for i := range n {
		local := &fakeLocal{
			info: WorkerInfo{Worker: i, Slot: 10 + i, PID: 1000 + i, State: WorkerReady, Started: epoch, Sessions: i, LogLevel: "info"},
			zone: ZoneInfo{Buckets: 7, Capacity: 100, NameMax: 64, Live: 1, Slots: []ZoneSlot{{Slot: 10 + i, Epoch: 1, Open: true, PID: 1000 + i}}},
		}
		reg := prometheus.NewRegistry()
		group := broadcast.New(c.list, broadcast.Options{Timeout: testTimeout})
		t.Cleanup(group.Close)
		o := Options{
			Local: local, Group: group, Gatherer: reg, Expected: func() int { return n },
			Logger: slog.New(slog.NewTextHandler(&c.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		}
		for _, set := range options {
			set(&o)
		}
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		l, stop := serveUnix(t, a.Private())
		c.locals, c.regs, c.apis, c.stops = append(c.locals, local), append(c.regs, reg), append(c.apis, a), append(c.stops, stop)
		c.peers = append(c.peers, peerAt(i, l))
	}
	c.public = serveTCP(t, c.apis[0].Public())
	return c
}

func (c *cluster) list() []broadcast.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.peers)
}

// replace puts something else in the place of a worker.
func (c *cluster) replace(worker int, p broadcast.Peer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.Worker = worker
	c.peers[worker] = p
}

func (c *cluster) forget(worker int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peers = slices.DeleteFunc(c.peers, func(p broadcast.Peer) bool { return p.Worker == worker })
}

func peerAt(worker int, path string) broadcast.Peer {
	return broadcast.Peer{Worker: worker, Addr: path, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
}

func serveUnix(t testing.TB, h http.Handler) (path string, stop func()) {
	t.Helper()
	l := listenUnix(t)
	return l.Addr().String(), serveOn(t, l, h)
}

// listenUnix alone is a stopped worker: the kernel takes connections for it.
func listenUnix(t testing.TB) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "api") //nolint:usetesting // t.TempDir is longer than sun_path allows
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func serveTCP(t testing.TB, h http.Handler) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, h)
	return l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, h http.Handler) (stop func()) {
	t.Helper()
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { _ = s.Close(); <-done })
	t.Cleanup(stop)
	return stop
}

// says is a worker that answers everything with the same.
func says(t *testing.T, status int, contentType, body string) broadcast.Peer {
	t.Helper()
	path, _ := serveUnix(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	return peerAt(0, path)
}

func stopped(t *testing.T) broadcast.Peer {
	t.Helper()
	return peerAt(0, listenUnix(t).Addr().String())
}

// reply is what a test looks at.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call asks worker 0 on its public port.
func (c *cluster) call(t *testing.T, method, path string, header ...string) reply {
	t.Helper()
	return request(t, http.DefaultTransport.(*http.Transport), method, "http://"+c.public+path, header...)
}

// send is call with a body.
func (c *cluster) send(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	return requestWith(t, http.DefaultTransport.(*http.Transport), method, "http://"+c.public+path, strings.NewReader(body), header...)
}

func request(t *testing.T, base *http.Transport, method, url string, header ...string) reply {
	t.Helper()
	return requestWith(t, base, method, url, http.NoBody, header...)
}

func requestWith(t *testing.T, base *http.Transport, method, url string, content io.Reader, header ...string) reply {
	t.Helper()
	tr := base.Clone()
	tr.DisableKeepAlives = true
	req, err := http.NewRequestWithContext(t.Context(), method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{resp.StatusCode, resp.Header, body}
	asDocumented(t, method, req.URL.EscapedPath(), &r)
	return r
}

// into decodes an answer of the given status.
func (r reply) into(t *testing.T, status int, v any) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	contentType := "application/json"
	if status >= 400 {
		contentType = "application/problem+json"
	}
	if got := r.header.Get("Content-Type"); got != contentType {
		t.Errorf("content type %q, want %q", got, contentType)
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

// problemBody is problemDetails with a Coverage that can be decoded.
type problemBody struct {
	Type, Title, Detail string
	Status              int
	Coverage
}

// summary of a Coverage: "answered/expected worker:reason …".
func (c *Coverage) summary() string {
	out := []string{strconv.Itoa(c.Answered) + "/" + strconv.Itoa(c.Expected)}
	for _, e := range c.Errors {
		out = append(out, strconv.Itoa(e.Worker)+":"+e.Reason)
	}
	return strings.Join(out, " ")
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// httpTransport asks a peer, whatever the address.
func httpTransport(p broadcast.Peer) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx) }}
}
