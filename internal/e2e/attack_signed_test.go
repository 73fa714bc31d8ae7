package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// withQuery asks for something with the query that the order's text holds, and waits for the answer.
func withQuery(answer string, ask func(w *wire, query string)) func(*attacker) error {
	return func(a *attacker) error {
		a.Count = 1
		return each(func(w *wire) error {
			w.send(c0c1c2())
			ask(w, string(a.Text))
			err := w.await(answer)
			w.leave()
			return err
		})(a)
	}
}

var (
	publishQuery = withQuery("NetStream.Publish.", func(w *wire, query string) {
		w.command(connectCommand(w.a.App, "", ""))
		w.publish(w.a.Name + query)
	})
	publishAppQuery = withQuery("NetStream.Publish.", func(w *wire, query string) {
		w.command(connectCommand(w.a.App+query, "", ""))
		w.publish(w.a.Name)
	})
	playQuery = withQuery("NetStream.Play.", func(w *wire, query string) {
		w.command(connectCommand(w.a.App, "", ""))
		w.play(w.a.Name + query)
	})
)

// Row 27: a signed URL is good for one action on one stream until it expires, and nothing but a signed URL is good.
func TestAttackSignedURLs(t *testing.T) {
	t.Parallel()
	const secret, playSecret, app, name = "a secret to publish by", "another one to play by", "signed", "cam"
	sc := newScene(t, options{apps: fmt.Sprintf("{name: %s, publish_secret: %s, play_secret: %s}", app, secret, playSecret)})
	later, before := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	short := time.Now().Add(4 * time.Second)
	query := func(secret string, action sign.Action, name string, expires time.Time) string {
		return "?" + sign.Query(secret, action, app, name, expires)
	}
	good, goodPlay := query(secret, sign.Publish, name, later), query(playSecret, sign.Play, name, later)
	replayed := query(secret, sign.Publish, name, short)
	tests := []struct {
		name, attack, query, result string
	}{
		{"good", "publish query", good, "ok"},
		{"good once", "publish query", replayed, "ok"},
		{"good, behind the app", "publish app query", good, "ok"},
		{"another stream's, behind the app", "publish app query", query(secret, sign.Publish, "other", later), "invalid"},
		{"missing", "publish query", "", "missing"},
		{"no signature", "publish query", fmt.Sprintf("?expires=%d", later.Unix()), "missing"},
		{"expired", "publish query", query(secret, sign.Publish, name, before), "expired"},
		{"wrong secret", "publish query", query("guess", sign.Publish, name, later), "invalid"},
		{"no secret", "publish query", query("", sign.Publish, name, later), "invalid"},
		{"another stream's", "publish query", query(secret, sign.Publish, "other", later), "invalid"},
		{"a later time", "publish query", good[:len("?expires=")] + "9" + good[len("?expires="):], "invalid"},
		{"cut short", "publish query", good[:len(good)-1], "invalid"},
		{"a play URL", "publish query", query(secret, sign.Play, name, later), "invalid"},
		{"good to play", "play query", goodPlay, "ok"},
		{"a publish URL", "play query", good, "invalid"},
		{"missing to play", "play query", "", "missing"},
		{"expired to play", "play query", query(playSecret, sign.Play, name, before), "expired"},
		{"good once, replayed", "publish query", replayed, "expired"}, // the last: by then it has expired
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.result == "expired" {
				time.Sleep(time.Until(short.Add(time.Second))) // the URL's own clock has to strike
			}
			calm := sc.metrics(t)
			r := sc.assault(t, order{Attack: test.attack, App: app, Name: name, Text: []byte(test.query)}).wait(t)
			code, refused := rtmp.CodePublishStart, rtmp.CodePublishDenied
			action := "publish"
			if test.attack == "play query" {
				code, refused, action = rtmp.CodePlayStart, rtmp.CodePlayFailed, "play"
			}
			if test.result != "ok" {
				code = refused
			}
			for _, f := range r.Fates {
				if got := f.Codes[len(f.Codes)-1]; got != code {
					t.Errorf("answered with %s, not with %s", got, code)
				}
			}
			sc.counted(t, calm, 1, authTotal, "action", action, "result", test.result)
			sc.quiet(t, &r)
		})
	}
	for _, secret := range []string{secret, playSecret, good[len(good)-20:]} {
		if lines := sc.s.log.find(secret); len(lines) > 0 {
			t.Errorf("a secret or a signature in the log: %s", lines[0])
		}
	}
}
