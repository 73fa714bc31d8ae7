package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

//go:embed testdata/player.html
var playerPage []byte

// The package of mpegts.js, which scripts/install-test-clients has npm put into the user's cache, and what npm calls its integrity.
const (
	mpegtsPackage   = "mpegts.js-1.8.2.tgz"
	mpegtsIntegrity = "sha512-cZYMa5muASH55wrS6JK5IGkUqnCA96c0f+WdnW91jIK9s/N6NzjmTQDJNYg9A5u/G2Q5nj2b3w1Zwzze/9guxA=="
	mpegtsFile      = "package/dist/mpegts.js"
)

// mpegts returns the script.
func mpegts(t testing.TB) []byte {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(filepath.Join(cache, "rtmp-edge", mpegtsPackage))
	if err != nil {
		t.Fatalf("%v (`make clients` installs what the tests need)", err)
	}
	sum := sha512.Sum512(packed)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != mpegtsIntegrity {
		t.Fatalf("%s is something else: %s", mpegtsPackage, got)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unpacked); ; {
		file, err := files.Next()
		if err != nil {
			t.Fatalf("%s in %s: %v", mpegtsFile, mpegtsPackage, err)
		}
		if file.Name != mpegtsFile {
			continue
		}
		script, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		return script
	}
}

// playerSite serves a page that plays, as another site than the server under test. It is stopped when the test ends.
func playerSite(t testing.TB) *httptest.Server {
	t.Helper()
	script := mpegts(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store") // and when the browser goes to another page, it keeps nothing of it alive
		_, _ = w.Write(playerPage)
	})
	mux.HandleFunc("GET /mpegts.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	return site
}

// A pagePlayer is what a page says of one of its players.
type pagePlayer struct {
	Failure string
	Began   bool
	Longest float64 // that its time stood still, in milliseconds
	Waits   int
	Type    string  // of MP4
	Time    float64 // seconds
	Frames  int
}

// Players in pages of another site play live, from a worker that has not the publisher: mpegts.js over HTTP and over WebSocket, and what comes
// as MP4 by Media Source Extensions and by a plain video element. In pages of a site that may not, they get nothing.
func TestPlayersInBrowser(t *testing.T) {
	t.Parallel()
	const stream, worker = "live/page", 1
	ours, theirs := playerSite(t), playerSite(t)
	s := start(t, options{workers: 2, http: "cors_origins: [" + ours.URL + "]"})
	ffmpegPublish(t, s.rtmpURL(0, stream))
	names := []string{"flv", "ws", "mp4", "video"}
	query := url.Values{
		"flv": {s.flvURL(worker, stream)}, "ws": {s.wsFLVURL(worker, stream)}, "mp4": {s.mp4URL(worker, stream)}, "video": {s.mp4URL(worker, stream)},
	}
	b := openBrowser(t)
	look := func(name string) pagePlayer { return evaluate[pagePlayer](b, fmt.Sprintf("state(%q)", name)) }

	b.open(ours.URL + "/?" + query.Encode())
	const length = 20 * time.Second
	stillness := 1000.0 // milliseconds
	if raceBinary {
		stillness *= 3
	}
	begun := map[string]pagePlayer{}
	for _, name := range names {
		waitFor(t, 2*soon, name+" begins", func() string {
			begun[name] = look(name)
			if p := begun[name]; p.Failure != "" {
				t.Fatalf("%s: %s", name, p.Failure)
			} else if p.Began && p.Time > 0 && p.Frames > 0 {
				return ""
			}
			return fmt.Sprintf("%+v", begun[name])
		})
	}
	s.awaitPlayers(t, stream, len(names))
	for _, name := range names {
		waitFor(t, length+soon, name+" plays", func() string {
			p := look(name)
			if p.Failure != "" {
				t.Fatalf("%s: %s", name, p.Failure)
			}
			if p.Time-begun[name].Time >= length.Seconds() {
				return ""
			}
			return fmt.Sprintf("%+v", p)
		})
		p := look(name)
		const fps = 25
		if frames, want := p.Frames-begun[name].Frames, fps*length.Seconds(); float64(frames) < 0.95*want {
			t.Errorf("%s: %d pictures of %v", name, frames, want)
		}
		if p.Longest > stillness {
			t.Errorf("%s stood still for %v ms, and waited %d times", name, p.Longest, p.Waits)
		}
		t.Logf("%s: %+v", name, p)
	}

	b.expect("request failed|blocked by CORS|WebSocket connection to|console.error|status 403")
	query.Del("video") // browsers do not guard what a page can only show, not read
	b.open(theirs.URL + "/?" + query.Encode())
	for name := range query {
		waitFor(t, soon, name+" fails", func() string {
			if p := look(name); p.Failure == "" {
				return fmt.Sprintf("%+v", p)
			}
			return ""
		})
		if p := look(name); p.Time > 0 || p.Frames > 0 {
			t.Errorf("%s played: %+v", name, p)
		}
	}
	s.awaitPlayers(t, stream, 0)
}
