package ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// An endpoint is where one worker is asked, or a whole server elsewhere.
type endpoint struct {
	worker int    // elsewhere
	name   string // for messages
	base   string // before the path, such as http://worker-0
	http   *http.Client
}

// elsewhere is the worker of an endpoint that may reach any.
const elsewhere = -1

// Open returns a client of the server with that run folder. Errors: master.ErrNoServer, and fs.ErrPermission for who is neither the server's user
// nor root.
func Open(runDir string) (*Client, error) {
	entries, err := os.ReadDir(runDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w with run_dir %s", master.ErrNoServer, runDir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: be the server's user, or root", err)
	case err != nil:
		return nil, err
	}
	c := &Client{place: "run_dir " + runDir}
	via := (&config.Config{RunDir: runDir}).ControlVia()
	for _, e := range entries {
		if worker, ok := socketOf(via, e); ok {
			c.endpoints = append(c.endpoints, private(worker, filepath.Join(runDir, e.Name())))
		}
	}
	if len(c.endpoints) == 0 {
		return nil, fmt.Errorf("%w with run_dir %s", master.ErrNoServer, runDir)
	}
	slices.SortFunc(c.endpoints, func(a, b *endpoint) int { return a.worker - b.worker })
	return c, nil
}

// socketOf tells whose private socket an entry of the run folder is.
func socketOf(via multiport.Addr, e fs.DirEntry) (worker int, ok bool) {
	_, number, found := strings.Cut(e.Name(), filepath.Base(via.Path)+".")
	worker, err := strconv.Atoi(number)
	if !found || err != nil || e.Type()&fs.ModeSocket == 0 {
		return 0, false
	}
	a, err := via.ForWorker(worker)
	return worker, err == nil && filepath.Base(a.Path) == e.Name()
}

// private reaches a worker over its unix socket.
func private(worker int, path string) *endpoint {
	var dialer net.Dialer
	return &endpoint{
		worker: worker, name: fmt.Sprintf("worker %d", worker), base: fmt.Sprintf("http://worker-%d", worker),
		http: &http.Client{CheckRedirect: stay, Transport: &http.Transport{
			DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", path)
			},
		}},
	}
}

// stay follows no redirect: it would take the token, or an order, elsewhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Remote returns a client of the server at an address such as http://edge.example.com:8080, which wants the token, if it has one, from all that are
// not on its machine.
func Remote(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.TrimSuffix(u.Path, "/") != "" ||
		*u != (url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}) { // a query, a user …
		return nil, fmt.Errorf("%q: write the server alone, such as http://edge.example.com:8080", address)
	}
	e := &endpoint{worker: elsewhere, name: u.Host, base: u.Scheme + "://" + u.Host, http: &http.Client{CheckRedirect: stay}}
	return &Client{place: u.Host, token: token, endpoints: []*endpoint{e}}, nil
}
