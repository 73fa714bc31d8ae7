package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes the files of a certificate that is valid between two times, and of its key.
func writePair(t *testing.T, from, to time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestCheckFiles(t *testing.T) {
	t.Parallel()
	now := time.Now()
	day := 24 * time.Hour
	cert, key := writePair(t, now.Add(-day), now.Add(day))
	_, otherKey := writePair(t, now.Add(-day), now.Add(day))
	expired, expiredKey := writePair(t, now.Add(-2*day), now.Add(-day))
	early, earlyKey := writePair(t, now.Add(day), now.Add(2*day))
	none := filepath.Join(t.TempDir(), "none.pem")
	for _, test := range []struct {
		name, cert, key string
		is              error
		says            []string // in this order; none: no error
	}{
		{"a pair", cert, key, nil, nil},
		{"no TLS", "", "", nil, nil},
		{"no certificate", none, key, fs.ErrNotExist, []string{"rtmp.tls.cert: ", none, ": write the path"}},
		{"no key", cert, none, fs.ErrNotExist, []string{"rtmp.tls.key: ", none, ": write the path"}},
		{"another's key", cert, otherKey, nil, []string{"rtmp.tls.cert: ", cert, otherKey, "does not match", ": write a certificate"}},
		{"exchanged", key, cert, nil, []string{"rtmp.tls.cert: ", key, cert, ": write a certificate"}},
		{"expired", expired, expiredKey, ErrNotValidNow, []string{"rtmp.tls.cert: ", expired, "expired at", ": renew it"}},
		{"too early", early, earlyKey, ErrNotValidNow, []string{"rtmp.tls.cert: ", early, "begins at", ": check the clock"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			c.RTMP.TLS.Cert, c.RTMP.TLS.Key = test.cert, test.key
			err := c.CheckFiles()
			if len(test.says) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || test.is != nil && !errors.Is(err, test.is) || test.is == nil && errors.Is(err, ErrNotValidNow) {
				t.Fatalf("error %v, want one that is %v", err, test.is)
			}
			rest := err.Error()
			for _, part := range test.says {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Errorf("no %q in %q", part, err)
				}
				rest = after
			}
		})
	}
}
