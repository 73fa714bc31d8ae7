package worker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/multiport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A whole worker serves in this process, and obeys a master that the test plays.
type whole struct {
	*Worker
	t      *testing.T
	master *handover.Conn
	cfg    *config.Config // that it was told last
	change int
	ended  chan struct{}
	within time.Duration
}

// newWhole starts one that listens on an address for RTMP and one for HTTP: the first of cfg's.
func newWhole(t *testing.T) *whole {
	t.Helper()
	cfg := config.Default()
	cfg.Workers, cfg.RunDir, cfg.Log.Level = 1, t.TempDir(), "error"
	cfg.RTMP.Listen, cfg.HTTP.Listen = []multiport.Addr{newAddr(t)}, []multiport.Addr{newAddr(t)}
	keeper, err := streamzone.Create(streamzone.Config{Buckets: 7, Streams: 10, NameMax: 64})
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := keeper.OpenSlot(0)
	if err != nil {
		t.Fatal(err)
	}
	w := &whole{t: t, cfg: cfg, ended: make(chan struct{})}
	start := handover.Start{Workers: 1, Epoch: epoch, Config: cfg}
	zone, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", keeper.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	files := []*os.File{zone}
	for _, s := range []handover.Socket{{Addr: cfg.RTMP.Listen[0].String(), Serves: config.RTMP}, {Addr: cfg.HTTP.Listen[0].String(), Serves: config.HTTP}} {
		start.Sockets, files = append(start.Sockets, s), append(files, socketOn(t, s.Addr))
	}
	level := new(slog.LevelVar)
	level.Set(cfg.Log.SlogLevel())
	if w.Worker, err = newWorker(start, files, level); err != nil {
		t.Fatal(err)
	}
	master, f, err := handover.Pair()
	if err != nil {
		t.Fatal(err)
	}
	control, err := handover.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	w.master, w.asks = master, newAsks(control)
	if w.servers, err = w.listen(files[1:]); err != nil {
		t.Fatal(err)
	}
	w.servers.serve()
	go func() {
		defer close(w.ended)
		w.within, _ = w.untilStop(control)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.shutdown(ctx, w.servers)
	}()
	t.Cleanup(func() {
		master.Close()
		<-w.ended
		control.Close()
		w.close()
		if err := keeper.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// newAddr is an address that nobody listens on.
func newAddr(t *testing.T) multiport.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return multiport.Addr{Network: multiport.TCP, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

func socketOn(t *testing.T, addr string) *os.File {
	t.Helper()
	a, err := multiport.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	f, err := multiport.Listen(a, multiport.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// next returns the configuration with something else in it.
func (w *whole) next(change func(*config.Config)) *config.Config {
	next := *w.cfg
	change(&next)
	return &next
}

// prepare has the worker prepare a configuration, with more sockets, and returns what is wrong with it.
func (w *whole) prepare(cfg *config.Config, added ...handover.Socket) (refusal string) {
	w.t.Helper()
	w.change++
	var files []*os.File
	for _, s := range added {
		files = append(files, socketOn(w.t, s.Addr))
	}
	if err := w.master.Send(handover.KindPrepare, handover.Prepare{Change: w.change, Config: cfg, Sockets: added}, files...); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		f.Close()
	}
	return w.answer(w.change)
}

func (w *whole) answer(change int) string {
	w.t.Helper()
	late := time.AfterFunc(10*time.Second, func() { w.master.Close() })
	defer late.Stop()
	var a handover.Answer
	if _, err := w.master.Expect(handover.KindAnswer, &a); err != nil || a.Change != change {
		w.t.Fatalf("it answers %+v, %v to %d", a, err, change)
	}
	return a.Error
}

// tell sends a word about the last change, and waits for the answer.
func (w *whole) tell(kind handover.Kind) {
	w.t.Helper()
	if err := w.master.Send(kind, handover.Change{Change: w.change}); err != nil {
		w.t.Fatal(err)
	}
	if problem := w.answer(map[handover.Kind]int{handover.KindCommit: w.change, handover.KindAbort: -w.change}[kind]); problem != "" {
		w.t.Fatal(problem)
	}
}

// reload has the worker run with something else.
func (w *whole) reload(change func(*config.Config), added ...handover.Socket) {
	w.t.Helper()
	next := w.next(change)
	if refusal := w.prepare(next, added...); refusal != "" {
		w.t.Fatal(refusal)
	}
	w.tell(handover.KindCommit)
	w.cfg = next
}

func socketFor(a multiport.Addr, serves config.Protocol) handover.Socket {
	return handover.Socket{Addr: a.String(), Serves: serves}
}

// dialRTMP connects and says goodbye.
func dialRTMP(ctx context.Context, a multiport.Addr) error {
	c, _, err := rtmp.Dial(ctx, "rtmp://"+a.String()+"/live/x", nil)
	if err == nil {
		c.Close()
	}
	return err
}

// A pemPair is a certificate and its key in files.
type pemPair struct {
	cert, key string
	until     time.Time
}

func newPair(t *testing.T, dir, name string, until time.Time) pemPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := pemPair{filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"), until.UTC().Truncate(time.Second)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: p.until, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{p.cert: {Type: "CERTIFICATE", Bytes: der}, p.key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}
