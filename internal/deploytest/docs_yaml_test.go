package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigurationsInDocuments has the server check each configuration that a user is told to write.
func TestConfigurationsInDocuments(t *testing.T) {
	t.Parallel()
	cert, secret := certificate(t), filepath.Join(t.TempDir(), "secret")
	write(t, secret, "what openssl rand -hex 32 prints\n")
	files := strings.NewReplacer("/etc/rtmp-edge/publish-secret", secret, "/etc/rtmp-edge/token", secret)
	for _, path := range []string{"README.md", "docs/migrate-from-nginx-rtmp.md", "docs/install.md", "docs/tuning.md"} {
		blocks := readDocument(t, path).in("yaml")
		if len(blocks) == 0 && path != "docs/tuning.md" {
			t.Errorf("%s has no configuration", path)
		}
		for _, b := range blocks {
			t.Run(fmt.Sprintf("%s:%d", path, b.line), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "rtmp-edge.yml")
				write(t, file, files.Replace(cert.in(b.text)))
				run(t, "", binary(t), "check", "-c", file)
			})
		}
	}
}

// A pair is the files of a certificate and its key.
type pair struct{ cert, key string }

// certificate makes one for localhost, signed by itself.
func certificate(t *testing.T) pair {
	t.Helper()
	dir := t.TempDir()
	p := pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	run(t, dir, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", p.key, "-out", p.cert)
	return p
}

// in puts the files in the place of those that documents name.
func (p pair) in(text string) string {
	return strings.NewReplacer("/etc/rtmp-edge/cert.pem", p.cert, "/etc/rtmp-edge/key.pem", p.key).Replace(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// output runs a command for what it prints.
func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}
