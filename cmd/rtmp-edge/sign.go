package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

type signCmd struct {
	Config  string      `short:"c" placeholder:"FILE" help:"The server's configuration file, which has the app's secret. Without one: what RTMPEDGE_APPS says."`
	Action  sign.Action `arg:"" enum:"publish,play" help:"What to permit: publish or play."`
	Stream  string      `arg:"" placeholder:"APP/NAME" help:"The stream, such as live/cam."`
	Expires string      `required:"" placeholder:"TIME" help:"When it ends: in how long, such as 30m or 2h, or a time, such as 2030-01-02T15:04:05Z."`
	URL     string      `placeholder:"rtmp://HOST" help:"Print the whole URL on this server, not the query alone. http:// and ws:// are for playing."`
	Format  string      `enum:"flv,mp4" default:"flv" help:"What an http:// URL plays as: flv or mp4."`
}

func (s *signCmd) Run() error {
	cfg, err := config.Load(s.Config)
	if err != nil {
		return err
	}
	app, name := names.Split(s.Stream)
	if _, err := names.Key(app, name, cfg.StreamZone.NameMax); err != nil {
		return fmt.Errorf("%q: %w: write app/name, such as live/cam", s.Stream, err)
	}
	expires, err := expiry(s.Expires, time.Now())
	if err != nil {
		return err
	}
	server, err := s.server()
	if err != nil {
		return err
	}
	secret, err := secretOf(cfg.App(app), s.Action)
	if err != nil {
		if s.Config == "" {
			return fmt.Errorf("%s: %w, or name the server's configuration file: -c FILE", s.Stream, err)
		}
		return fmt.Errorf("%s: %s: %w", s.Config, s.Stream, err)
	}
	fmt.Println(server + sign.Query(secret, s.Action, app, name, expires))
	return nil
}

// server is what stands before the query of a whole URL; "" if the query alone is asked for.
func (s *signCmd) server() (string, error) {
	if s.URL == "" {
		return "", nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || !schemes[u.Scheme] || u.Hostname() == "" || u.Path != "" && u.Path != "/" ||
		*u != (url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}) { // a query, a user …
		return "", fmt.Errorf("--url=%s: write the server alone, such as rtmp://example.com or https://example.com:8443", s.URL)
	}
	stream := url.URL{Path: s.Stream}
	switch {
	case strings.HasPrefix(u.Scheme, "rtmp"): // its clients take the stream as it is written
		return u.Scheme + "://" + u.Host + "/" + s.Stream + "?", nil
	case s.Action == sign.Publish:
		return "", fmt.Errorf("--url=%s: publish is over RTMP: write rtmp:// or rtmps://", s.URL)
	case s.Format == "mp4" && strings.HasPrefix(u.Scheme, "ws"):
		return "", fmt.Errorf("--url=%s: over WebSocket, streams play as flv", s.URL)
	}
	return u.Scheme + "://" + u.Host + "/" + stream.EscapedPath() + "." + s.Format + "?", nil
}

// schemes are those of URLs that can be signed. TLS for HTTP is a proxy's.
var schemes = map[string]bool{"rtmp": true, "rtmps": true, "http": true, "https": true, "ws": true, "wss": true}

// expiry reads a duration from now, or a time.
func expiry(s string, now time.Time) (time.Time, error) {
	expires, err := time.Parse(time.RFC3339, s)
	if err != nil {
		d, err := time.ParseDuration(s)
		if err != nil {
			return time.Time{}, fmt.Errorf("--expires=%s: write a duration, such as 30m or 2h, or a time, such as %s", s,
				now.UTC().Truncate(time.Hour).Add(24*time.Hour).Format(time.RFC3339))
		}
		expires = now.Add(d)
	}
	if expires.Unix() <= now.Unix() {
		return time.Time{}, fmt.Errorf("--expires=%s: %s is past: choose a later time", s, expires.Format(time.RFC3339))
	}
	return expires, nil
}

// secretOf returns the secret with which an app's signatures are made.
func secretOf(a config.App, action sign.Action) (string, error) {
	secret := a.PublishSecret
	if action == sign.Play {
		secret = a.PlaySecret
	}
	if secret != "" {
		return secret, nil
	}
	return "", fmt.Errorf("there is no %s_secret for its app, so anybody may %[1]s it: set one in apps to have signed URLs", action)
}
