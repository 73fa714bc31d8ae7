package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Action is what a signature permits.
type Action string

// The actions.
const (
	Publish Action = "publish"
	Play    Action = "play"
)

// The parameters.
const (
	expiresKey   = "expires"
	signatureKey = "signature"
)

// maxQuery is the longest query that is looked at, in bytes. Players append parameters of their own, but not that many.
const maxQuery = 4096

// Query returns what follows the '?' in a URL that permits action on a stream until expires, which is cut to seconds.
func Query(secret string, action Action, app, name string, expires time.Time) string {
	e := strconv.FormatInt(expires.Unix(), 10)
	return expiresKey + "=" + e + "&" + signatureKey + "=" + signature(secret, action, app, name, e)
}

// Verify checks whether query, what followed the '?', permits action on a stream at the time now. It returns nil, ErrMissing, ErrExpired or
// ErrInvalid. Other parameters are ignored. An empty secret permits nothing.
func Verify(secret string, action Action, app, name, query string, now time.Time) error {
	if len(query) > maxQuery || strings.Contains(app+name, "\x00") {
		return ErrInvalid
	}
	expires, nExpires := parameter(query, expiresKey)
	given, nGiven := parameter(query, signatureKey)
	if nExpires == 0 || nGiven == 0 {
		return ErrMissing
	}
	// The texts are compared, so there is only one way to write a signature. Whether it is good comes first: a forger learns nothing else.
	want := signature(secret, action, app, name, expires)
	good := hmac.Equal([]byte(want), []byte(given))
	if !good || nExpires > 1 || nGiven > 1 || secret == "" {
		return ErrInvalid
	}
	e, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || strconv.FormatInt(e, 10) != expires || e < 0 {
		return ErrInvalid
	}
	if now.Unix() >= e {
		return ErrExpired
	}
	return nil
}

// parameter returns the value of a query's parameter, the last one of n. Nothing is unescaped: neither the names of ours nor their values
// have any character that would be escaped.
func parameter(query, key string) (value string, n int) {
	for p := range strings.SplitSeq(query, "&") {
		if k, v, _ := strings.Cut(p, "="); k == key {
			value = v
			n++
		}
	}
	return value, n
}

func signature(secret string, action Action, app, name, expires string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(string(action) + "\x00" + app + "/" + name + "\x00" + expires))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
