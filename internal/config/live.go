package config

import (
	"errors"
	"fmt"
	"slices"
)

// restartKeys are those whose values a running server keeps: what its sockets, its memory and its processes were made with.
var restartKeys = []string{"workers", "run_dir", "stream_zone.name_max", "relay.via", "log.format"}

// NeedsRestart tells whether a running server takes no other value of a key. Of the lists of addresses, rtmp.listen and the like, it takes those
// that are added; it goes on listening on those that are removed: see ChangeTo.
func NeedsRestart(key string) bool { return slices.Contains(restartKeys, key) }

// ErrCollides says that what is new does not go with what the server keeps until a restart: an address with one that is not configured any more, or
// with those of more workers.
var ErrCollides = errors.New("this does not go with what only a restart changes: restart the server")

// A Change is what a running server makes of another configuration.
type Change struct {
	Config  *Config  // what it runs with then: all of the new one that needs no restart
	Applied []string // keys, as of Diff
	Restart []string // likewise, that are not applied, or not whole, until a restart
	Kept    []Listen // what is not configured any more, but listened on until a restart
}

// Nothing tells whether all is as it was.
func (c *Change) Nothing() bool { return len(c.Applied)+len(c.Restart) == 0 }

// ChangeTo tells what becomes of a server that runs with c, which has not been told its run folder and number of workers, when it is to run with next.
func (c *Config) ChangeTo(next *Config) (*Change, error) {
	to := *next
	to.Workers, to.RunDir, to.StreamZone.NameMax, to.Relay.Via, to.Log.Format = c.Workers, c.RunDir, c.StreamZone.NameMax, c.Relay.Via, c.Log.Format
	configured := to.Listens()
	if c.RTMP.TLS.Enabled() && !to.RTMP.TLS.Enabled() { // it goes on to serve RTMPS, as it did
		to.RTMP.TLS = c.RTMP.TLS
	}
	ch := &Change{Config: &to}
	for _, l := range c.Listens() {
		if l.Scope != Private && !slices.ContainsFunc(configured, l.same) {
			ch.Kept = append(ch.Kept, l)
		}
	}
	to.keep(c, ch.Kept)
	if err := to.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCollides, err)
	}
	ch.Applied, ch.Restart = Diff(c, &to), Diff(&to, next)
	return ch, nil
}

// same tells whether two are listened on alike, wherever they are configured.
func (l Listen) same(o Listen) bool {
	return l.Addr == o.Addr && l.Serves == o.Serves && l.Scope == o.Scope
}

// keep puts what was listened on before into the lists that lack some of it: as it was, and what is new behind it.
func (c *Config) keep(was *Config, kept []Listen) {
	for _, l := range kept {
		switch {
		case l.Scope == PerWorker:
			c.MultiListen = behind(was.MultiListen, c.MultiListen)
		case l.Serves == HTTP:
			c.HTTP.Listen = behind(was.HTTP.Listen, c.HTTP.Listen)
		case l.Serves == RTMPS:
			c.RTMP.TLS.Listen = behind(was.RTMP.TLS.Listen, c.RTMP.TLS.Listen)
		default:
			c.RTMP.Listen = behind(was.RTMP.Listen, c.RTMP.Listen)
		}
	}
}

// behind returns a list, and behind it what only the other has.
func behind[T comparable](list, other []T) []T {
	return append(slices.Clone(list), slices.DeleteFunc(slices.Clone(other), func(x T) bool { return slices.Contains(list, x) })...)
}

// Added returns what next listens on and c does not.
func (c *Config) Added(next *Config) []Listen {
	had := c.Listens()
	return slices.DeleteFunc(next.Listens(), func(l Listen) bool { return slices.ContainsFunc(had, l.same) })
}
