package sign

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const secret = "0123456789abcdef0123456789abcdef"

// vectors were made by OpenSSL:
//
//	printf '%s\0%s\0%s' publish live/cam 1893456000 | openssl dgst -sha256 -hmac "$secret" -binary | base64 | tr '+/' '-_' | tr -d '='
var vectors = []struct {
	secret    string
	action    Action
	app, name string
	expires   int64
	query     string
}{
	{secret, Publish, "live", "cam", 1893456000, "expires=1893456000&signature=3dYxIUZVPn7TsFh7RyXd4uAyrHRnLO37e-KycJbKqaI"},
	{secret, Play, "live", "cam", 1893456000, "expires=1893456000&signature=pN3KpYreIphWbfJbXHq0RbBD6oKWCQey7ovK3bL5H7A"},
	{
		"pässwort mit Leerzeichen", Publish, "live/east", "Kamera Süd", 4102444800,
		"expires=4102444800&signature=FyLD6Sn1RPXurGskYrEzK5Nu9TONpApUkMUcqz0pWM8",
	},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		expires := time.Unix(v.expires, 0)
		if got := Query(v.secret, v.action, v.app, v.name, expires); got != v.query {
			t.Errorf("Query(%s %s/%s) = %s, want %s", v.action, v.app, v.name, got, v.query)
		}
		if err := Verify(v.secret, v.action, v.app, v.name, v.query, expires.Add(-time.Second)); err != nil {
			t.Errorf("Verify(%s %s/%s): %v", v.action, v.app, v.name, err)
		}
	}
}

// Each case is a query that somebody sends to play live/cam a minute before expires.
func TestVerifyQuery(t *testing.T) {
	t.Parallel()
	expires := time.Unix(1893456000, 0)
	const good = "pN3KpYreIphWbfJbXHq0RbBD6oKWCQey7ovK3bL5H7A"
	signed := func(expires string) string {
		return "expires=" + expires + "&signature=" + signature(secret, Play, "live", "cam", expires)
	}
	for _, c := range []struct {
		query string
		want  error
	}{
		{"expires=1893456000&signature=" + good, nil},
		{"signature=" + good + "&expires=1893456000", nil},
		{"a=b&expires=1893456000&&c&signature=" + good + "&Expires=1&%65xpires=2&session=x%20y", nil},

		{"", ErrMissing},
		{"a=b", ErrMissing},
		{"expires=1893456000", ErrMissing},
		{"signature=" + good, ErrMissing},
		{"Expires=1893456000&Signature=" + good, ErrMissing},
		{"expires=1893456000;signature=" + good, ErrMissing},
		{"?expires=1893456000&signature=" + good, ErrMissing},

		{"expires=1893456001&signature=" + good, ErrInvalid},
		{"expires=1893456000&signature=" + good[1:], ErrInvalid},
		{"expires=1893456000&signature=" + good + "=", ErrInvalid},
		{"expires=1893456000&signature=" + good[:42] + "B", ErrInvalid}, // the same 32 bytes: only the bits beyond them differ
		{"expires=1893456000&signature=" + good[:20] + "\n" + good[20:], ErrInvalid},
		{"expires=1893456000&signature=" + good[:20] + "%" + good[20:], ErrInvalid},
		{"expires=1893456000&signature=" + strings.ToLower(good), ErrInvalid},
		{"expires=1893456000&signature=", ErrInvalid},
		{"expires=1893456000&signature", ErrInvalid},
		{"expires=&signature=" + good, ErrInvalid},
		{"expires=&signature=", ErrInvalid},
		{"expires=1893456000&signature=" + good + "&signature=" + good, ErrInvalid},
		{"expires=1893456000&expires=1893456000&signature=" + good, ErrInvalid},
		{"expires=1893456000&expires=1999999999&signature=" + good, ErrInvalid},
		{"expires=1999999999&expires=1893456000&signature=" + good, ErrInvalid},
		{"expires=1893456000&signature=x&signature=" + good, ErrInvalid},

		// signed by somebody who knows the secret, but not how to write numbers
		{signed(""), ErrInvalid},
		{signed("+1893456000"), ErrInvalid},
		{signed("01893456000"), ErrInvalid},
		{signed(" 1893456000"), ErrInvalid},
		{signed("1_893_456_000"), ErrInvalid},
		{signed("1893456000.5"), ErrInvalid},
		{signed("0x70dbd880"), ErrInvalid},
		{signed("-1"), ErrInvalid},
		{signed("-0"), ErrInvalid},
		{signed("9223372036854775808"), ErrInvalid},
		{signed("9223372036854775807"), nil},
		{signed("0"), ErrExpired},

		{signed("1893456000") + "&pad=" + strings.Repeat("x", maxQuery-len(signed("1893456000")+"&pad=")), nil},
		{signed("1893456000") + "&pad=" + strings.Repeat("x", maxQuery-len(signed("1893456000")+"&pad=")+1), ErrInvalid},
	} {
		if err := Verify(secret, Play, "live", "cam", c.query, expires.Add(-time.Minute)); !errors.Is(err, c.want) {
			t.Errorf("%.200q: %v, want %v", c.query, err, c.want)
		}
	}
}

func TestVerifyFor(t *testing.T) {
	t.Parallel()
	expires := time.Unix(1893456000, 0)
	query := Query(secret, Publish, "live/east", "cam", expires)
	for _, c := range []struct {
		what      string
		secret    string
		action    Action
		app, name string
		now       time.Time
		want      error
	}{
		{"the same", secret, Publish, "live/east", "cam", expires.Add(-time.Second), nil},
		{"the same stream, cut elsewhere", secret, Publish, "live", "east/cam", expires.Add(-time.Second), nil},
		{"another action", secret, Play, "live/east", "cam", expires.Add(-time.Second), ErrInvalid},
		{"another app", secret, Publish, "live/west", "cam", expires.Add(-time.Second), ErrInvalid},
		{"another name", secret, Publish, "live/east", "cam2", expires.Add(-time.Second), ErrInvalid},
		{"another secret", secret + "x", Publish, "live/east", "cam", expires.Add(-time.Second), ErrInvalid},
		{"just before the time", secret, Publish, "live/east", "cam", expires.Add(-1), nil},
		{"at the time", secret, Publish, "live/east", "cam", expires, ErrExpired},
		{"after the time", secret, Publish, "live/east", "cam", expires.Add(time.Hour), ErrExpired},
		{"forged, after the time", secret + "x", Publish, "live/east", "cam", expires, ErrInvalid},
	} {
		if err := Verify(c.secret, c.action, c.app, c.name, query, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}

// A secret that somebody forgot to set opens nothing, and neither do names that were never checked.
func TestVerifyNeverPermits(t *testing.T) {
	t.Parallel()
	expires := time.Unix(1893456000, 0)
	for _, c := range []struct{ secret, app, name string }{
		{"", "live", "cam"},
		{secret, "live", "cam\x001893456000"},
		{secret, "li\x00ve", "cam"},
	} {
		query := Query(c.secret, Play, c.app, c.name, expires)
		if err := Verify(c.secret, Play, c.app, c.name, query, expires.Add(-time.Second)); !errors.Is(err, ErrInvalid) {
			t.Errorf("secret %q, stream %q: %v, want %v", c.secret, c.app+"/"+c.name, err, ErrInvalid)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "ok"}, {ErrMissing, "missing"}, {ErrExpired, "expired"}, {ErrInvalid, "invalid"}, {errors.New("something else"), "invalid"},
	} {
		if got := Kind(c.err); got != c.want {
			t.Errorf("Kind(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

// FuzzVerify has a query that is made up, and a good one of which a byte was changed. The first may be the good one, with other parameters
// around it; the second never permits anything.
func FuzzVerify(f *testing.F) {
	expires := time.Unix(1893456000, 0)
	for i, v := range vectors {
		f.Add(v.app, v.name, v.query, i*20, byte(i))
	}
	f.Add("live", "cam", "a=b&expires=1893456000&expires=+5&signature=x&signature", 70, byte(' '))
	f.Fuzz(func(t *testing.T, app, name, query string, at int, flip byte) {
		good := Query(secret, Play, app, name, expires)
		now := expires.Add(-time.Second)
		if Verify(secret, Play, app, name, query, now) == nil && !genuine(app, name, query) {
			t.Errorf("%q permits %s/%s", query, app, name)
		}
		if at < 0 || at >= len(good) || flip == 0 {
			return
		}
		changed := []byte(good)
		changed[at] ^= flip
		if err := Verify(secret, Play, app, name, string(changed), now); err == nil {
			t.Errorf("%q permits %s/%s, and so does %q", changed, app, name, good)
		}
	})
}

// genuine tells whether a query has what Query returns for some time, and nothing else of that name.
func genuine(app, name, query string) bool {
	if strings.Count("&"+query, "&expires") != 1 || strings.Count("&"+query, "&signature") != 1 {
		return true // "expiresX" may be there too, which the fuzzer need not tell from ours
	}
	_, after, _ := strings.Cut("&"+query, "&expires=")
	number, _, _ := strings.Cut(after, "&")
	_, after, _ = strings.Cut("&"+query, "&signature=")
	given, _, _ := strings.Cut(after, "&")
	return given == signature(secret, Play, app, name, number)
}
