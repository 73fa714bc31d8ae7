package handover

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

func pair(t *testing.T) (master, worker *Conn) {
	t.Helper()
	master, f, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	worker, err = Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); worker.Close() })
	return master, worker
}

func TestStartSurvives(t *testing.T) {
	master, worker := pair(t)
	cfg := config.Default()
	cfg.RunDir = "/run/x"
	cfg.MultiListen = []config.MultiListen{{Listen: multiport.Addr{Network: "tcp", Host: "::1", Port: 19350}, Serves: config.RTMP}}
	cfg.RTMP.ProxyProtocol = []config.Prefix{config.Prefix(netip.MustParsePrefix("fd00::/8"))}
	cfg.RTMP.TLS.Cert, cfg.RTMP.TLS.Key = "/c.pem", "/k.pem"
	cfg.Apps = []config.App{{Name: "live", OnConflict: config.Takeover, PublishSecret: "\" of 16 bytes <>"}}
	want := Start{
		Worker: 3, Slot: 5, Epoch: 65535, Workers: 4, Restarts: 2, Config: cfg,
		Ends: map[string]int{"killed": 2}, Reload: Reload{At: time.Unix(7, 8).UTC(), OK: true, Loaded: time.Unix(5, 6).UTC()},
		Sockets: []Socket{
			{Addr: "[::1]:19353", Serves: config.RTMP, Scope: config.PerWorker},
			{Addr: "1936", Serves: config.RTMPS, Scope: config.Shared},
		},
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := master.Send(KindStart, want, w, r); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var got Start
	files, err := worker.Expect(KindStart, &got)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b config.Prefix) bool { return a == b })); d != "" {
		t.Errorf("(-sent +received)\n%s", d)
	}
	if len(files) != 2 {
		t.Fatalf("%d descriptors", len(files))
	}
	if _, err := files[0].WriteString("through the passed pipe"); err != nil {
		t.Fatal(err)
	}
	files[0].Close()
	b, err := io.ReadAll(files[1])
	if err != nil || string(b) != "through the passed pipe" {
		t.Errorf("read %q, %v", b, err)
	}
	files[1].Close()
}

func TestMessagesKeepTheirOrderAndFiles(t *testing.T) {
	master, worker := pair(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for i := range 20 {
		var files []*os.File
		for range i % 3 {
			files = append(files, null)
		}
		if err := master.Send(KindStop, Stop{Within: time.Duration(i)}, files...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		var s Stop
		files, err := worker.Expect(KindStop, &s)
		if err != nil || s.Within != time.Duration(i) || len(files) != i%3 {
			t.Fatalf("message %d: %v with %d files, %v", i, s, len(files), err)
		}
		for _, f := range files {
			f.Close()
		}
	}
}

// TestZoneIsPassedOn: the file that arrives is the one that was sent, and the answer comes while more is on the way.
func TestZoneIsPassedOn(t *testing.T) {
	master, worker := pair(t)
	fd, err := unix.MemfdCreate("zone", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	sent := os.NewFile(uintptr(fd), "zone")
	defer sent.Close()
	if err := master.Send(KindZone, nil, sent); err != nil {
		t.Fatal(err)
	}
	if err := master.Send(KindStop, Stop{Within: time.Second}); err != nil {
		t.Fatal(err)
	}
	m, err := worker.Receive()
	if err != nil || m.Kind != KindZone || len(m.Files) != 1 {
		t.Fatalf("received %q with %d files, %v", m.Kind, len(m.Files), err)
	}
	defer m.Files[0].Close()
	was, err := sent.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Files[0].Stat(); err != nil || !os.SameFile(was, got) {
		t.Errorf("another file came: %v, %v", got, err)
	}
	if err := worker.Send(KindHeard, nil); err != nil {
		t.Fatal(err)
	}
	if answer, err := master.Receive(); err != nil || answer.Kind != KindHeard || len(answer.Files) > 0 {
		t.Errorf("the answer is %q with %d files, %v", answer.Kind, len(answer.Files), err)
	}
	if _, err := worker.Expect(KindStop, &Stop{}); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	t.Run("the other side is gone", func(t *testing.T) {
		master, worker := pair(t)
		master.Close()
		if _, err := worker.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want EOF", err)
		}
	})
	t.Run("another message", func(t *testing.T) {
		master, worker := pair(t)
		if err := master.Send(KindReady, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Expect(KindStart, &Start{}); !errors.Is(err, ErrUnexpected) {
			t.Errorf("got %v, want ErrUnexpected", err)
		}
	})
	t.Run("too many descriptors", func(t *testing.T) {
		master, _ := pair(t)
		if err := master.Send(KindStart, nil, make([]*os.File, MaxFiles+1)...); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v, want ErrTooLarge", err)
		}
	})
	t.Run("a size beyond the bound", func(t *testing.T) {
		master, worker := pair(t)
		if _, err := master.uc.Write([]byte{0xff, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		if _, err := worker.Receive(); !errors.Is(err, ErrTooLarge) {
			t.Errorf("got %v, want ErrTooLarge", err)
		}
	})
}
