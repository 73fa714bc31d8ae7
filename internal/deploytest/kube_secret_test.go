package deploytest

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// kubeSecrets returns the files of a Secret, of which docs/kubernetes.md has the operator make those that are not in the manifests.
func kubeSecrets(t *testing.T, name string) map[string]string {
	t.Helper()
	for _, command := range kubeCommands(t) {
		if _, literals, found := strings.Cut(command, " create secret generic "+name+" "); found {
			files := map[string]string{}
			for _, word := range strings.Fields(literals) {
				if word, found = strings.CutPrefix(word, "--from-literal="); found {
					key, _, _ := strings.Cut(word, "=")
					files[key] = strings.Repeat("5e", 32)
				}
			}
			return files
		}
		if strings.Contains(command, " create secret tls "+name+" ") {
			pair := certificate(t)
			return map[string]string{"tls.crt": kubeFile(t, pair.cert), "tls.key": kubeFile(t, pair.key)}
		}
	}
	t.Fatalf("the documentation makes no Secret %s", name)
	return nil
}

// TestKubeSecrets uses what is in the Secrets: the token, the secret that URLs are signed with, and the certificate.
func TestKubeSecrets(t *testing.T) {
	t.Parallel()
	p := runPod(t, "overlays/two-pods")
	token := kubeSecrets(t, "rtmp-edge")["http-token"]
	for given, want := range map[string]int{token: http.StatusOK, token + "x": http.StatusUnauthorized} {
		if status, _ := p.call(http.MethodGet, p.at("http"), "edge-0.example.com:8080", "/api/v1/workers", given); status != want {
			t.Errorf("control with the token %q: %d, want %d", given, status, want)
		}
	}
	var signed string
	for _, command := range kubeCommands(t) {
		if _, sign, found := strings.Cut(command, " exec rtmp-edge-0 -- rtmp-edge sign "); found {
			out, err := p.exec(t.Context(), append([]string{"rtmp-edge", "sign"}, strings.Fields(sign)...)...).Output()
			p.must(err)
			signed = strings.TrimSpace(string(out))
		}
	}
	url := strings.Replace(signed, "edge-0.example.com:1936", p.forward(p.at("rtmps")), 1)
	unsigned, _, found := strings.Cut(url, "?")
	if !found || url == signed {
		t.Fatalf("the signed URL is %q", signed)
	}
	out, err := try(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine", "-t", "1", "-c:a", "aac", "-f", "flv", unsigned)
	if err == nil {
		t.Errorf("publishing without a signature: all went well\n%s", out)
	}
	publish(t, url)
	plays(t, unsigned)
}

func kubeFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
