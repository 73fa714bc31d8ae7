// Package console is the page that shows a whole server to people: streams, workers, sessions, a live preview. It is plain files that
// browsers take as they are; docs/console.md describes it to users. The page knows nothing that the public API does not tell, and its files
// are the same for everybody.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// Policy is the page's Content-Security-Policy (W3C CSP3): nothing comes from elsewhere, nothing inline runs, nobody puts it in a frame.
// What plays in the preview is a blob: of the page's own.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Which types the files have must not depend on what is installed.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// A file is one file of the page.
type file struct {
	contentType string
	etag        string // of the content
	content     []byte
}

// A Console serves the page.
type Console struct{ files map[string]file }

// New returns the console.
func New() (*Console, error) {
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c := &Console{files: make(map[string]file, len(entries))}
	for _, e := range entries {
		content, err := fs.ReadFile(static, "static/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		contentType := types[path.Ext(e.Name())]
		if contentType == "" {
			return nil, fmt.Errorf("console: %s has no known type", e.Name())
		}
		sum := sha256.Sum256(content)
		c.files[e.Name()] = file{contentType: contentType, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, content: content}
	}
	return c, nil
}

// Serve answers a GET or HEAD request with one of the files; "" is the page itself. It reports whether there is such a file, and
// answers nothing if not. Browsers ask again each time (no-cache), and are told that nothing has changed: after an update no old script
// runs in a new page.
func (c *Console) Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	if name == "" {
		name = "index.html"
	}
	f, found := c.files[name]
	if !found {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.content))
	return true
}
