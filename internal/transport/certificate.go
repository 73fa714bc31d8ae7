package transport

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// checkInterval is how often the files are looked at, at most.
	checkInterval = time.Second
	// settleTime is how old a file must be before its attributes are believed: one that is written to right after it was read, within the
	// file system's resolution of time and without growing, looks the same as before.
	settleTime = 2 * time.Second
)

// CertificateEvents tell what becomes of a certificate's files. They are called from handshakes, one at a time; nil ones are not.
type CertificateEvents struct {
	Loaded func(notAfter time.Time) // a certificate came into use, also the first
	Failed func(err error)          // another one can't be; once for each different reason
}

// A Certificate is a certificate, its chain and its key, in PEM files that may be replaced at any time: in place, by rename, or by a symbolic
// link on the way to them that is changed. While what is there can't be used (half of it is written yet, certificate and key are not of one
// pair), the last one that could be stays in use.
type Certificate struct {
	// static
	paths  [2]string // certificate and chain; key
	events CertificateEvents
	now    func() time.Time

	inUse   atomic.Pointer[tls.Certificate]
	checked atomic.Int64 // when the files were looked at last, in nanoseconds

	mu       sync.Mutex     // held by the handshake that looks
	seen     [2]os.FileInfo // of what is in use; nil where that can't be told
	reported string         // the failure that was
}

// LoadCertificate loads a certificate for TLSConfig.
func LoadCertificate(cert, key string, e CertificateEvents) (*Certificate, error) {
	c := &Certificate{paths: [2]string{cert, key}, events: e, now: time.Now}
	c.checked.Store(c.now().UnixNano())
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// GetCertificate is for tls.Config. One handshake a second looks at the files; the others don't wait for it.
func (c *Certificate) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now, last := c.now().UnixNano(), c.checked.Load()
	if now-last >= int64(checkInterval) && c.checked.CompareAndSwap(last, now) && c.mu.TryLock() {
		c.refresh()
		c.mu.Unlock()
	}
	return c.inUse.Load(), nil
}

// refresh loads the files, unless they are what is in use. Called with mu held.
func (c *Certificate) refresh() {
	var err error
	if !c.unchanged() {
		err = c.load()
	}
	if err == nil {
		c.reported = ""
		return
	}
	if text := err.Error(); text != c.reported {
		c.reported = text
		if c.events.Failed != nil {
			c.events.Failed(err)
		}
	}
}

func (c *Certificate) unchanged() bool {
	for i, path := range c.paths {
		was := c.seen[i]
		if was == nil {
			return false
		}
		is, err := os.Stat(path)
		if err != nil || !os.SameFile(was, is) || !is.ModTime().Equal(was.ModTime()) || is.Size() != was.Size() {
			return false
		}
	}
	return true
}

// load reads the files. Their attributes are taken before: if they change meanwhile, the next check sees it.
func (c *Certificate) load() error {
	var (
		seen [2]os.FileInfo
		pems [2][]byte
	)
	for i, path := range c.paths {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("transport: certificate: %w", err)
		}
		if c.now().Sub(info.ModTime()) >= settleTime {
			seen[i] = info
		}
		if pems[i], err = os.ReadFile(path); err != nil {
			return fmt.Errorf("transport: certificate: %w", err)
		}
	}
	pair, err := tls.X509KeyPair(pems[0], pems[1])
	if err != nil {
		return fmt.Errorf("transport: certificate %s with key %s: %w", c.paths[0], c.paths[1], err)
	}
	c.seen = seen
	was := c.inUse.Swap(&pair)
	if same := was != nil && slices.EqualFunc(was.Certificate, pair.Certificate, bytes.Equal); !same && c.events.Loaded != nil {
		c.events.Loaded(pair.Leaf.NotAfter)
	}
	return nil
}

// TLSConfig is what secure connections use. It has no ALPN: RTMPS has no name there, and clients offer none.
//
// There are no session tickets. Their keys are each worker's own, so most would be shown to a worker that can't open them; a player connects
// once and stays; and a key that could open recordings of past sessions is best not kept. Records are as large as what is written: each write
// is one or more whole messages already.
func TLSConfig(c *Certificate, minVersion uint16) *tls.Config {
	return &tls.Config{
		GetCertificate: c.GetCertificate, MinVersion: minVersion,
		SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
	}
}
