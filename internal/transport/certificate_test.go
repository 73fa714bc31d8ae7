package transport

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A shelf holds a certificate's files and records what becomes of them. Its clock is the test's.
type shelf struct {
	*Certificate
	t         *testing.T
	dir       string
	cert, key string

	mu     sync.Mutex
	clock  time.Time
	loaded []time.Time
	failed []error
}

// newShelf loads a certificate whose files were written long ago.
func newShelf(t *testing.T, p pair) *shelf {
	t.Helper()
	s := &shelf{t: t, dir: t.TempDir()}
	s.cert, s.key = p.write(t, s.dir)
	return s.load()
}

func (s *shelf) load() *shelf {
	s.t.Helper()
	c, err := LoadCertificate(s.cert, s.key, CertificateEvents{
		Loaded: func(notAfter time.Time) { s.loaded = append(s.loaded, notAfter) },
		Failed: func(err error) { s.failed = append(s.failed, err) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Certificate, s.clock = c, time.Now().Add(time.Hour)
	c.now = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.clock
	}
	s.tick()
	s.get() // settles
	return s
}

func (s *shelf) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(checkInterval)
}

// get returns what a handshake gets, as its date of expiry.
func (s *shelf) get() time.Time {
	s.t.Helper()
	c, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Leaf.NotAfter
}

// want checks the next handshake, and how often what was told of so far.
func (s *shelf) want(what string, notAfter time.Time, loaded, failed int) {
	s.t.Helper()
	s.tick()
	if got := s.get(); !got.Equal(notAfter) {
		s.t.Errorf("%s: a certificate until %v, want %v", what, got, notAfter)
	}
	if len(s.loaded) != loaded || len(s.failed) != failed {
		s.t.Errorf("%s: told of %d loads and %d failures (%v), want %d and %d", what, len(s.loaded), len(s.failed), s.failed, loaded, failed)
	}
	if n := len(s.loaded); n > 0 && !s.loaded[n-1].Equal(notAfter) {
		s.t.Errorf("%s: told of a certificate until %v", what, s.loaded[n-1])
	}
}

// renamed replaces a file as careful programs do.
func renamed(t *testing.T, path string, b []byte) {
	t.Helper()
	writeFile(t, path+".new", b)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

var (
	year1 = time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC)
	year2 = time.Date(2102, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestCertificateReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(*testing.T, string, []byte){"renamed": renamed, "in place": func(t *testing.T, path string, b []byte) {
		writeFile(t, path, b)
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p1, p2 := newPair(t, year1), newPair(t, year2)
			s := newShelf(t, p1)
			s.want("at first", year1, 1, 0)
			replace(t, s.cert, p2.cert)
			s.want("a certificate without its key", year1, 1, 1)
			s.want("still", year1, 1, 1)
			replace(t, s.key, p2.key)
			s.want("both", year2, 2, 1)
			replace(t, s.key, p1.key)
			s.want("a key without its certificate", year2, 2, 2)
			replace(t, s.cert, p1.cert)
			s.want("back", year1, 3, 2)
			replace(t, s.cert, p1.cert)
			s.want("the same once more", year1, 3, 2)
		})
	}
}

// TestCertificateSymlink: as Kubernetes swaps a mounted secret: the files are links through ..data, which is replaced as a whole.
func TestCertificateSymlink(t *testing.T) {
	t.Parallel()
	s := &shelf{t: t, dir: t.TempDir()}
	swap := func(name string, p pair) {
		dir := filepath.Join(s.dir, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		p.write(t, dir)
		link := filepath.Join(s.dir, "..data")
		if err := os.Symlink(name, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	swap("..1", newPair(t, year1))
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.cert, s.key = filepath.Join(s.dir, "tls.crt"), filepath.Join(s.dir, "tls.key")
	s.load()
	s.want("at first", year1, 1, 0)
	swap("..2", newPair(t, year2))
	if err := os.RemoveAll(filepath.Join(s.dir, "..1")); err != nil {
		t.Fatal(err)
	}
	s.want("swapped", year2, 2, 0)
}

func TestCertificateBroken(t *testing.T) {
	t.Parallel()
	p := newPair(t, year1)
	s := newShelf(t, p)
	for i, b := range [][]byte{nil, p.cert[:len(p.cert)/2], []byte("garbage"), p.key} {
		writeFile(t, s.cert, b)
		told := len(s.failed)
		s.tick()
		s.get()
		if len(s.failed)-told > 1 {
			t.Errorf("broken in way %d: told of %v", i, s.failed[told:])
		}
		s.want("still broken", year1, 1, len(s.failed))
	}
	if len(s.failed) < 2 || len(s.failed) > 4 {
		t.Errorf("told of %q", s.failed)
	}
	told := len(s.failed)
	for _, path := range []string{s.cert, s.key} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		s.want("gone", year1, 1, told+1)
	}
	if err := s.failed[told]; !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), s.cert) {
		t.Errorf("told of %v", err)
	}
	p.write(t, s.dir)
	s.want("back", year1, 1, told+1)
	if err := os.Remove(s.cert); err != nil {
		t.Fatal(err)
	}
	s.want("gone again: that is news", year1, 1, told+2)
}

// TestCertificateAway: a file that comes back as it was ends the failure, too.
func TestCertificateAway(t *testing.T) {
	t.Parallel()
	s := newShelf(t, newPair(t, year1))
	for failed := range 3 {
		if err := os.Rename(s.key, s.key+".away"); err != nil {
			t.Fatal(err)
		}
		s.want("away", year1, 1, failed+1)
		s.want("still away", year1, 1, failed+1)
		if err := os.Rename(s.key+".away", s.key); err != nil {
			t.Fatal(err)
		}
		s.want("back", year1, 1, failed+1)
	}
}

// TestCertificateUnseen: a file that is written to twice within the file system's resolution of time, with the same length.
func TestCertificateUnseen(t *testing.T) {
	t.Parallel()
	p1, p2 := newPair(t, year1), newPair(t, year2)
	for len(p1.cert) != len(p2.cert) || len(p1.key) != len(p2.key) { // a signature's length varies
		p2 = newPair(t, year2)
	}
	s := newShelf(t, p1)
	mtime := s.clock.Add(time.Second)
	for _, p := range []pair{p1, p2} {
		p.write(t, s.dir)
		for _, path := range []string{s.cert, s.key} {
			if err := os.Chtimes(path, mtime, mtime); err != nil {
				t.Fatal(err)
			}
		}
		s.tick()
		s.get()
	}
	if got := s.get(); !got.Equal(year2) {
		t.Errorf("a certificate until %v is in use", got)
	}
}

// TestCertificateNotLookedAtTooOften: nor by more than one.
func TestCertificateNotLookedAtTooOften(t *testing.T) {
	t.Parallel()
	s := newShelf(t, newPair(t, year1))
	newPair(t, year2).write(t, s.dir)
	for range 100 {
		if got := s.get(); !got.Equal(year1) {
			t.Fatal("looked at within the interval")
		}
	}
	s.tick()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if _, err := s.GetCertificate(&tls.ClientHelloInfo{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if !s.get().Equal(year2) || len(s.loaded) != 2 {
		t.Errorf("until %v, loaded %d times", s.get(), len(s.loaded))
	}
}

func TestCertificateThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	p, q := newPair(t, year1), newPair(t, year2)
	dir := t.TempDir()
	cert, key := p.write(t, dir)
	other := filepath.Join(dir, "other.key")
	writeFile(t, other, q.key)
	for _, paths := range [][2]string{{cert, filepath.Join(dir, "none")}, {filepath.Join(dir, "none"), key}, {cert, other}, {key, cert}} {
		c, err := LoadCertificate(paths[0], paths[1], CertificateEvents{})
		if err == nil || c != nil {
			t.Errorf("%v: loaded", paths)
		} else if !strings.Contains(err.Error(), paths[0]) && !strings.Contains(err.Error(), paths[1]) {
			t.Errorf("%v: the error names neither: %v", paths, err)
		}
	}
}

// TestCertificateInHandshakes: the next connection gets the new one; those there are stay.
func TestCertificateInHandshakes(t *testing.T) {
	t.Parallel()
	p1, p2 := newPair(t, year1), newPair(t, year2)
	s := newShelf(t, p1)
	o := &Options{TLS: TLSConfig(s.Certificate, tls.VersionTLS12)}
	connect := func(p pair) (*Conn, *tls.Conn) {
		server, client := sockets(t)
		conn := Wrap(server, true, o)
		c := tls.Client(client, p.client(t))
		go func() { _ = c.Handshake() }()
		if err := conn.ready(); err != nil {
			t.Error(err)
		}
		return conn, c
	}
	before, client := connect(p1)
	p2.write(t, s.dir)
	s.tick()
	connect(p2)
	go func() { _, _ = before.Write([]byte("x")) }()
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
