package master

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// writeCertificate makes the files of a certificate that is valid for so long from an hour ago on.
func writeCertificate(t *testing.T, dir string, valid time.Duration) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: from.Add(valid), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// secure returns the configuration of a server of two workers with RTMPS on unix sockets: a shared one, and one for each worker.
func secure(t *testing.T, valid time.Duration) *config.Config {
	t.Helper()
	dir := shortDir(t)
	cfg := config.Default()
	cfg.Workers = 2
	cfg.RunDir = filepath.Join(dir, "run")
	cfg.RTMP.Listen = []multiport.Addr{{Network: multiport.Unix, Path: filepath.Join(dir, "rtmp.sock")}}
	cfg.RTMP.TLS.Listen = []multiport.Addr{{Network: multiport.Unix, Path: filepath.Join(dir, "rtmps.sock")}}
	cfg.RTMP.TLS.Cert, cfg.RTMP.TLS.Key = writeCertificate(t, dir, valid)
	cfg.MultiListen = []config.MultiListen{
		{Listen: multiport.Addr{Network: multiport.Unix, Path: filepath.Join(dir, "own.sock")}, Serves: config.RTMPS},
	}
	cfg.HTTP.Listen = nil
	return cfg
}

// closed runs a master until it is told to end, at once.
func closed(t *testing.T, m *Master) {
	t.Helper()
	m.opts.Executable = "/bin/false"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestRTMPSIsBoundForEveryWorker(t *testing.T) {
	t.Parallel()
	m, err := New(Options{Config: secure(t, 2*time.Hour), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, m)
	for worker, sockets := range m.sockets.worker {
		got := map[config.Scope]string{}
		for _, s := range sockets {
			if s.Serves == config.RTMPS {
				got[s.Scope] += filepath.Base(s.Addr)
			}
		}
		own := []string{"own.sock.0", "own.sock.1"}[worker]
		if len(got) != 2 || got[config.Shared] != "rtmps.sock" || got[config.PerWorker] != own {
			t.Errorf("worker %d has %v", worker, got)
		}
	}
}

func TestNewRefusesACertificateThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	cfg := secure(t, 2*time.Hour)
	if err := os.WriteFile(cfg.RTMP.TLS.Cert, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(Options{Config: cfg, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "rtmp.tls.cert: ") || !strings.Contains(err.Error(), cfg.RTMP.TLS.Cert) {
		t.Errorf("New = %v", err)
	}
	if found := left(t, cfg); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

func TestAnExpiredCertificateIsAWarning(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m, err := New(Options{Config: secure(t, time.Minute), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "level=WARN msg=\"clients may refuse the certificate\""); n != 1 || !strings.Contains(log.String(), "expired at") {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
	closed(t, m)
}

// TestDescriptors is not parallel: the limit is the process'.
func TestDescriptors(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: 1000, Max: was.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	})
	for connections, warnings := range map[int]int{1000 - spareDescriptors: 0, 1000 - spareDescriptors + 1: 1} {
		var log bytes.Buffer
		cfg := config.Default()
		cfg.RTMP.Limits.Connections = connections
		m := &Master{log: slog.New(slog.NewTextHandler(&log, nil))}
		m.cfg.Store(cfg)
		if err := m.check(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "rtmp.limits.connections"); n != warnings {
			t.Errorf("%d warnings about %d connections, want %d:\n%s", n, connections, warnings, log.String())
		}
		if warnings > 0 && !strings.Contains(log.String(), "limit=1000 needed=1001") {
			t.Errorf("what was said:\n%s", log.String())
		}
	}
}
