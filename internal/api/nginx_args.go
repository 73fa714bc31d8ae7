package api

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// What a control call does, and to whom.
const (
	sectionDrop     = "drop"
	sectionRedirect = "redirect"

	whoPublisher  = "publisher"
	whoSubscriber = "subscriber"
	whoClient     = "client"
)

// A nginxCall is what a control call says (ngx_rtmp_control_module.c, ngx_rtmp_control_walk). What is nil is not asked for.
type nginxCall struct {
	Section  string  `json:"section"`       // drop, redirect
	Who      string  `json:"who"`           // publisher, subscriber, client
	App      string  `json:"app,omitempty"` // "" is any
	Name     *string `json:"name,omitempty"`
	Addr     *string `json:"addr,omitempty"`
	ClientID *uint64 `json:"clientid,omitempty"`
	NewName  *string `json:"newname,omitempty"`
}

// maxNginxArgs bounds the arguments of a call, in bytes.
const maxNginxArgs = 16 << 10

var (
	errLong    = errors.New("the arguments are too long")
	errServer  = errors.New("srv is out of range: there is one server, 0")
	errNewName = errors.New("newname is missing")
)

// parseNginx reads a control call.
func parseNginx(section, who, rawQuery string) (c nginxCall, err error) {
	if who != whoPublisher && who != whoSubscriber && who != whoClient {
		return c, fmt.Errorf("%q is none of publisher, subscriber, client", who)
	}
	if len(rawQuery) > maxNginxArgs {
		return c, errLong
	}
	args, err := nginxArgs(rawQuery)
	if err != nil {
		return c, err
	}
	if srv, ok := args["srv"]; ok {
		if n, err := strconv.Atoi(srv); err != nil || n != 0 {
			return c, errServer
		}
	}
	c = nginxCall{Section: section, Who: who, App: args["app"], Name: argument(args, "name"), Addr: argument(args, "addr")}
	if v := argument(args, "clientid"); v != nil {
		id, err := strconv.ParseUint(*v, 10, 64)
		if err != nil {
			return c, fmt.Errorf("clientid %q is no number", *v)
		}
		c.ClientID = &id
	}
	if section != sectionRedirect {
		return c, nil
	}
	if c.NewName = argument(args, "newname"); c.NewName == nil {
		return c, errNewName
	}
	*c.NewName, _, _ = strings.Cut(*c.NewName, "?") // nginx-rtmp takes what follows for arguments; here nothing asks for any
	return c, nil
}

func argument(args map[string]string, name string) *string {
	v, ok := args[name]
	if !ok {
		return nil
	}
	return &v
}

// nginxArgs splits a query as nginx does: the first of equal names counts, whatever its case, and a plus sign is one. Unlike there, escapes are
// decoded: who did without them gets the same.
func nginxArgs(rawQuery string) (map[string]string, error) {
	args := map[string]string{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		key, keyErr := url.PathUnescape(key)
		value, err := url.PathUnescape(value)
		if err = errors.Join(keyErr, err); err != nil {
			return nil, fmt.Errorf("the arguments can't be read: %w", err)
		}
		key = strings.ToLower(key)
		if _, again := args[key]; !again {
			args[key] = value
		}
	}
	return args, nil
}

// means tells whether a client is meant.
func (n *nginxCall) means(c *Client) bool {
	switch {
	case n.App != "" && n.App != c.App,
		n.Name != nil && *n.Name != c.Name,
		n.Addr != nil && *n.Addr != clientHost(c.Address),
		n.ClientID != nil && *n.ClientID != clientNumber(c.Session),
		n.Who == whoPublisher && !c.Publishes,
		n.Who == whoSubscriber && c.Publishes:
		return false
	}
	return n.Section != sectionRedirect || c.movable()
}

// one tells whether the call means a single client at most: when that is found, no other worker can have one.
func (n *nginxCall) one() bool {
	return n.ClientID != nil || n.Who == whoPublisher && n.App != "" && n.Name != nil
}

// movable tells whether the client can be redirected: its protocol has words for that. An HTTP response is of one stream to its end.
func (c *Client) movable() bool { return c.Protocol == "rtmp" || c.Protocol == "rtmps" }

// clientHost is an address as nginx-rtmp shows it: without the port.
func clientHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address + ":" // "unix:"
	}
	return host
}

// The layout of a client's number: worker, then how many sessions that worker had, then how often it was restarted. It stays below 2⁵³, so that
// JavaScript can tell all of them apart, and is small on a young server.
const (
	workerBits  = 7
	sessionBits = 32
	restartBits = 14
)

// clientNumber makes a number of a session's id, for nginx-rtmp's clients have numbers; 0 if it is none.
func clientNumber(session string) uint64 {
	id, ok := parseSessionID(session)
	if !ok {
		return 0
	}
	const sessions, restarts = 1<<sessionBits - 1, 1<<restartBits - 1
	return uint64(id.worker) | id.number&sessions<<workerBits | uint64(id.restarts)&restarts<<(workerBits+sessionBits)
}
