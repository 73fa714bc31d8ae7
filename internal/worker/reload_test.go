package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/multiport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// All that a configuration bounds changes with it, and what a control call has set stays if its key does.
func TestApply(t *testing.T) {
	w := newWhole(t)
	w.level.Set(slog.LevelWarn) // as PUT /api/v1/log does
	w.reload(func(c *config.Config) {
		l := &c.RTMP.Limits
		l.Connections, l.ConnectionsPerAddress, l.PublishBurst, l.PublishInterval, l.AcceptRate, l.AcceptBurst = 3, 2, 1, time.Hour, 7, 8
		c.Metrics.Streams, c.HTTP.Hosts, c.HTTP.CORSOrigins, c.Live.Flush.Max = 5, []string{"edge.example"}, []string{"https://a.example"}, 40*time.Millisecond
		c.ShutdownTimeout = 7 * time.Second
		c.Apps = []config.App{{Name: "live", PlaySecret: "of at least 16 bytes"}}
		c.RTMP.Limits.MediaSize = 1 << 20
	})
	if w.level.Level() != slog.LevelWarn {
		t.Errorf("the level is %v", w.level.Level())
	}
	from := netip.MustParseAddr("192.0.2.1")
	for what, c := range map[string]*limit.Connections{"connections": w.connections, "visitors": w.servers.visitors.places} {
		for i := range 3 {
			if _, err := c.Admit(from); (err == nil) != (i < 2) {
				t.Errorf("%s: number %d: %v", what, i, err)
			}
		}
	}
	if _, ok := w.publishes.Allow("x"); !ok {
		t.Error("the first publish is refused")
	}
	if _, ok := w.publishes.Allow("x"); ok {
		t.Error("the second publish is not refused")
	}
	w.reading.mu.Lock()
	most := w.reading.most
	w.reading.mu.Unlock()
	if w.accepts.Limit() != 7 || w.accepts.Burst() != 8 || most != 20*time.Millisecond {
		t.Errorf("accepts %v, %d; reads %v", w.accepts.Limit(), w.accepts.Burst(), most)
	}
	if got := w.puller.Settings().RTMP.MaxMediaSize; got != 1<<20 || w.settings.Load().rtmp.MaxMediaSize != 1<<20 {
		t.Errorf("relays take media of %d bytes", got)
	}
	if w.policy("live/x").PlaySecret == "" || w.policy("other/x").PlaySecret != "" {
		t.Error("the app is as before")
	}
	ask := func(host, path string, header ...string) (status int, allowed string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.cfg.HTTP.Listen[0].String()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.Close = host, true
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("Access-Control-Allow-Origin")
	}
	if got, _ := ask("edge.example", "/api/v1/openapi.json"); got != http.StatusOK {
		t.Errorf("called by the new name: %d", got)
	}
	if got, _ := ask("other.example", "/api/v1/openapi.json"); got != http.StatusForbidden {
		t.Errorf("called by another name: %d", got)
	}
	if got, allowed := ask("127.0.0.1", "/live/x.flv", "Origin", "https://a.example"); got != http.StatusForbidden || allowed != "https://a.example" {
		t.Errorf("%d: pages of %q may play", got, allowed)
	}
	w.reload(func(c *config.Config) { c.Log.Level = "debug" })
	if w.level.Level() != slog.LevelDebug {
		t.Errorf("the level is %v", w.level.Level())
	}
	if err := w.master.Send(handover.KindStop, handover.Stop{Within: time.Minute}); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	if w.within != time.Minute {
		t.Errorf("it ends within %v", w.within)
	}
}

// What is prepared and called off, or prepared again, leaves nothing: no descriptor, and nobody who listens.
func TestPreparedIsForgotten(t *testing.T) { // it counts descriptors: not parallel
	w := newWhole(t)
	a := newAddr(t)
	dir := t.TempDir()
	cert := newPair(t, dir, "c", time.Now().Add(time.Hour))
	withTLS := w.next(func(c *config.Config) { c.RTMP.TLS.Cert, c.RTMP.TLS.Key = cert.cert, cert.key })
	descriptors := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	refused := func() bool {
		_, err := net.Dial("tcp", a.String())
		return err != nil
	}
	before := descriptors()
	for range 10 {
		if problem := w.prepare(withTLS, socketFor(a, config.RTMP), socketFor(newAddr(t), config.RTMPS), socketFor(newAddr(t), config.HTTP)); problem != "" {
			t.Fatal(problem)
		}
		w.tell(handover.KindAbort)
		if !refused() {
			t.Fatal("it listens on what was called off")
		}
	}
	for range 10 {
		if problem := w.prepare(withTLS, socketFor(newAddr(t), config.RTMP)); problem != "" {
			t.Fatal(problem)
		}
	}
	missing := w.next(func(c *config.Config) { c.RTMP.TLS.Cert, c.RTMP.TLS.Key = "/nowhere/c.pem", cert.key })
	for range 10 {
		if problem := w.prepare(missing, socketFor(a, config.RTMP)); !strings.Contains(problem, "/nowhere/c.pem") {
			t.Fatalf("it answers %q", problem)
		}
	}
	if after := descriptors(); after != before || !refused() {
		t.Errorf("%d descriptors are open, there were %d; refused: %v", after, before, refused())
	}
	if w.Worker.cfg().RTMP.TLS.Enabled() || testutil.CollectAndCount(w.metrics.CertificateExpiry) != 0 {
		t.Error("it runs with what was called off")
	}
	if err := dialRTMP(t.Context(), w.cfg.RTMP.Listen[0]); err != nil {
		t.Error(err)
	}
}

// What is prepared when the master goes, or wants the end, is given up: else clients would wait there, and some that are for the next server.
func TestPreparedIsGivenUp(t *testing.T) {
	t.Parallel()
	for what, ends := range map[string]func(*whole) error{
		"the master goes": func(w *whole) error { return w.master.Close() },
		"it is to stop":   func(w *whole) error { return w.master.Send(handover.KindStop, handover.Stop{Within: time.Minute}) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWhole(t)
			a := newAddr(t)
			if problem := w.prepare(w.cfg, socketFor(a, config.RTMP)); problem != "" {
				t.Fatal(problem)
			}
			if err := ends(w); err != nil {
				t.Fatal(err)
			}
			await(t, "nobody to listen", func() bool {
				nc, err := net.DialTimeout("tcp", a.String(), time.Second) // when the queue is full, nobody answers
				if err == nil {
					nc.Close()
				}
				return errors.Is(err, syscall.ECONNREFUSED)
			})
		})
	}
}

// RTMPS begins with a certificate, goes on with another one, and a change that is called off leaves the one in use in use, and in the metrics.
func TestCertificateOfAReload(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	secure := newAddr(t)
	dir := t.TempDir()
	first, second := newPair(t, dir, "first", time.Now().Add(time.Hour)), newPair(t, dir, "second", time.Now().Add(2*time.Hour))
	with := func(p pemPair) func(*config.Config) {
		return func(c *config.Config) { c.RTMP.TLS.Cert, c.RTMP.TLS.Key = p.cert, p.key }
	}
	uses := func(what string, p pemPair) {
		t.Helper()
		nc, err := tls.Dial("tcp", secure.String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // which one it is, is the question
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer nc.Close() //nolint:errcheck // it was only looked at
		if got := nc.ConnectionState().PeerCertificates[0].NotAfter; !got.Equal(p.until) {
			t.Errorf("%s: a certificate until %v, want %v", what, got, p.until)
		}
		if got := testutil.ToFloat64(w.metrics.CertificateExpiry.WithLabelValues()); int64(got) != p.until.Unix() {
			t.Errorf("%s: the metrics tell of one until %v, want %v", what, int64(got), p.until.Unix())
		}
	}
	w.reload(with(first), socketFor(secure, config.RTMPS))
	uses("from the first reload on", first)
	if problem := w.prepare(w.next(with(second))); problem != "" {
		t.Fatal(problem)
	}
	w.tell(handover.KindAbort)
	uses("when that was called off", first)
	w.reload(with(second))
	uses("from the second reload on", second)
	settings := w.settings.Load().secure.TLS
	w.reload(func(c *config.Config) { c.Live.GOPCache = false })
	if w.settings.Load().secure.TLS != settings {
		t.Error("the same certificate was loaded anew")
	}
	w.reload(func(c *config.Config) { c.RTMP.TLS.MinVersion = config.TLS13 })
	if _, err := tls.Dial("tcp", secure.String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil { //nolint:gosec // likewise
		t.Error("it takes TLS 1.2")
	}
	uses("with another version", second)
}

// A connection goes on with the limits that it began with.
func TestSessionsKeepTheirLimits(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	conn, _, err := rtmp.Dial(t.Context(), "rtmp://"+w.cfg.RTMP.Listen[0].String()+"/live/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := conn.Publish(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	w.reload(func(c *config.Config) {
		c.RTMP.Limits.MediaSize, c.RTMP.Limits.Connections = 64<<10, 1
		c.Apps = []config.App{{Name: "*", PublishSecret: "of at least 16 bytes"}}
	})
	for i := range 3 {
		m := rtmp.Message{Type: rtmp.TypeVideo, StreamID: stream, Timestamp: uint32(i), Payload: append([]byte{0x17, 1}, make([]byte, 100<<10)...)}
		if err := conn.WriteMessage(&m); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all that was published", func() bool {
		all := w.hub.Streams()
		return len(all) == 1 && all[0].BytesIn >= 300<<10
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := dialRTMP(ctx, w.cfg.RTMP.Listen[0]); err == nil {
		t.Error("one more connection than there may be")
	}
}

// Where a worker drains, what is added takes nobody until it no longer does; where it ends, what is added is closed.
func TestAddedWhileDraining(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	if err := (local{w.Worker}).Drain(true); err != nil {
		t.Fatal(err)
	}
	a, web := newAddr(t), newAddr(t)
	w.reload(func(*config.Config) {}, socketFor(a, config.RTMP), socketFor(web, config.HTTP))
	for _, addr := range []multiport.Addr{a, web} {
		await(t, "a listener that is shut", func() bool {
			nc, err := net.DialTimeout("tcp", addr.String(), time.Second)
			if err == nil {
				nc.Close()
			}
			return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
		})
	}
	if err := (local{w.Worker}).Drain(false); err != nil {
		t.Fatal(err)
	}
	if err := dialRTMP(t.Context(), a); err != nil {
		t.Errorf("undrained: %v", err)
	}
	nc, err := net.Dial("tcp", web.String())
	if err != nil {
		t.Fatalf("undrained: %v", err)
	}
	nc.Close()

	late := newAddr(t)
	w.servers.closeRTMP() // the worker begins to end
	w.reload(func(*config.Config) {}, socketFor(late, config.RTMP), socketFor(newAddr(t), config.HTTP))
	if _, err := net.Dial("tcp", late.String()); err == nil {
		t.Error("a worker that ends listens on what is added")
	}
}

// A word about what it has not prepared is the end: nobody knows what it would run with.
func TestCommitOfNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*whole){
		"nothing is":   func(*whole) {},
		"another is":   func(w *whole) { w.prepare(w.cfg); w.change++ },
		"it was wrong": func(w *whole) { w.prepare(w.next(func(c *config.Config) { c.RTMP.TLS.Cert = "/nowhere" })) },
	} {
		w := newWhole(t)
		spoil(w)
		if err := w.master.Send(handover.KindCommit, handover.Change{Change: w.change}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-w.ended:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: it goes on", name)
		}
	}
}

// Each ask gets its answer, whatever their order; who gave up is not in the way, and only so many wait.
func TestAsks(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	type got struct {
		handover.Outcome
		err error
	}
	ask := func(ctx context.Context) chan got {
		answer := make(chan got, 1)
		go func() {
			o, err := w.asks.reload(ctx)
			answer <- got{o, err}
		}()
		return answer
	}
	asked := func() int {
		t.Helper()
		var a handover.Ask
		if _, err := w.master.Expect(handover.KindAsk, &a); err != nil {
			t.Fatal(err)
		}
		return a.Ask
	}
	tell := func(id int, o handover.Outcome) {
		t.Helper()
		if err := w.master.Send(handover.KindTold, handover.Told{Ask: id, Outcome: o}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	impatient := ask(ctx)
	first := asked()
	cancel()
	if g := <-impatient; !errors.Is(g.err, context.Canceled) {
		t.Errorf("%+v", g)
	}
	a := ask(t.Context())
	idA := asked()
	b := ask(t.Context())
	idB := asked()
	tell(idB, handover.Outcome{Error: "b"})
	tell(first, handover.Outcome{Error: "nobody"})
	tell(idA, handover.Outcome{Error: "a"})
	if ga, gb := <-a, <-b; ga.Error != "a" || gb.Error != "b" || ga.err != nil || gb.err != nil {
		t.Errorf("%+v, %+v", ga, gb)
	}
	var waiting []chan got
	for range maxOwed {
		waiting = append(waiting, ask(t.Context()))
		asked()
	}
	if g := <-ask(t.Context()); !strings.Contains(g.Error, "too many") {
		t.Errorf("%+v", g)
	}
	for i := range maxOwed {
		tell(idB+1+i, handover.Outcome{})
	}
	for _, answer := range waiting {
		if g := <-answer; g.err != nil || !g.OK() {
			t.Errorf("%+v", g)
		}
	}
	last := ask(t.Context())
	tell(asked(), handover.Outcome{})
	<-last
}
