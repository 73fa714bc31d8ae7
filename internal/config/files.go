package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrNotValidNow is returned by CheckFiles for a certificate that has expired, or is not valid yet. The server runs with
// it; clients that check certificates refuse it.
var ErrNotValidNow = errors.New("the certificate is not valid now")

// CheckFiles reads the files that the configuration names, as the workers will. Of the errors, one that wraps
// ErrNotValidNow is a warning only.
func (c *Config) CheckFiles() error { return c.RTMP.TLS.check(time.Now()) }

func (t TLS) check(now time.Time) error {
	if !t.Enabled() {
		return nil
	}
	cert, err := os.ReadFile(t.Cert)
	if err != nil {
		return fmt.Errorf("rtmp.tls.cert: %w: write the path of a PEM file that the server's user may read", err)
	}
	key, err := os.ReadFile(t.Key)
	if err != nil {
		return fmt.Errorf("rtmp.tls.key: %w: write the path of a PEM file that the server's user may read", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("rtmp.tls.cert: %s with key %s: %w: write a certificate (PEM, its chain behind it) and the private key it was made for",
			t.Cert, t.Key, err)
	}
	const advice = "renew it; the files are read again when they change"
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("rtmp.tls.cert: %s: %w: it expired at %s: %s", t.Cert, ErrNotValidNow, leaf.NotAfter.Format(time.RFC3339), advice)
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("rtmp.tls.cert: %s: %w: it begins at %s: check the clock, or %s",
			t.Cert, ErrNotValidNow, leaf.NotBefore.Format(time.RFC3339), advice)
	}
	return nil
}
