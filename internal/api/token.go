package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"
)

// access is Access as it is used.
type access struct {
	hosts  []string
	keeper *keeper // nil without a token
}

// A keeper knows the token that lets control calls in from elsewhere.
type keeper struct {
	sum [sha256.Size]byte // static: of the token; what is compared has one length, and says nothing of the token's

	mu     sync.Mutex
	warned time.Time // when a wrong token was last logged
	unsaid int       // wrong tokens since then
}

func newKeeper(token string) *keeper {
	if token == "" {
		return nil
	}
	return &keeper{sum: sha256.Sum256([]byte(token))}
}

// admits reports whether the request carries the token: as a bearer token (RFC 6750 §2.1), or, for browsers, as the password of any
// user (RFC 7617 §2). given says whether it carries any.
func (k *keeper) admits(r *http.Request) (admitted, given bool) {
	token, given := tokenOf(r)
	sum := sha256.Sum256([]byte(token))
	return given && subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1, given
}

func tokenOf(r *http.Request) (token string, given bool) {
	if len(r.Header.Values("Authorization")) != 1 {
		return "", false
	}
	if _, password, basic := r.BasicAuth(); basic {
		return password, true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(token, " "), true
}

// quietTime is how long no wrong token is logged once one was.
const quietTime = time.Minute

// wrong counts a wrong token. It reports how many there were since the last that was to be logged, if this one is.
func (k *keeper) wrong(now time.Time) (unsaid int, say bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.warned.IsZero() && now.Sub(k.warned) < quietTime {
		k.unsaid++
		return 0, false
	}
	unsaid, k.unsaid, k.warned = k.unsaid, 0, now
	return unsaid, true
}

// challenge asks for the token. Browsers ask their user for a name and a password.
func challenge(w http.ResponseWriter, given bool) {
	detail := "control calls from elsewhere than this machine need the token"
	if given {
		detail = "this is not the token"
	}
	w.Header().Add("WWW-Authenticate", `Bearer realm="rtmp-edge"`)
	w.Header().Add("WWW-Authenticate", `Basic realm="rtmp-edge", charset="UTF-8"`)
	problem(w, problemDetails{Status: http.StatusUnauthorized, Detail: detail})
}

// passedOn reports whether a proxy says that it passes the request on for somebody else (RFC 7239, and what there was before). A field without a value
// counts, too: some proxies put theirs behind it.
func passedOn(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(name)) > 0 {
			return true
		}
	}
	return false
}
