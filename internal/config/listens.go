package config

import (
	"fmt"
	"path/filepath"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// Names of the private sockets in the run folder, one for each slot: rtmp.sock.0, http.sock.0 …
const (
	rtmpSocket = "rtmp.sock"
	httpSocket = "http.sock"
)

// Scope says who accepts on a Listen.
type Scope uint8

// The scopes.
const (
	// Shared: every worker accepts on Addr.
	Shared Scope = iota
	// PerWorker: the worker of id n accepts on Addr.ForWorker(n), from clients.
	PerWorker
	// Private: the process in slot n accepts on Addr.ForWorker(n), from the other workers of this server.
	Private
)

// A Listen is one configured address, or one base of a range of them.
type Listen struct {
	Key    string // where it is configured, such as "rtmp.listen[0]"
	Addr   multiport.Addr
	Serves Protocol
	Scope  Scope
}

// RelayVia returns the base of the addresses on which workers pull streams from each other: relay.via or, by default,
// rtmp.sock in the run folder. It is zero as long as neither is known.
func (c *Config) RelayVia() multiport.Addr {
	if !c.Relay.Via.IsZero() {
		return c.Relay.Via
	}
	return c.inRunDir(rtmpSocket)
}

// ControlVia returns the base of the addresses on which workers send each other HTTP: http.sock in the run folder.
// It is zero as long as RunDir is not known.
func (c *Config) ControlVia() multiport.Addr { return c.inRunDir(httpSocket) }

func (c *Config) inRunDir(name string) multiport.Addr {
	if c.RunDir == "" {
		return multiport.Addr{}
	}
	return multiport.Addr{Network: multiport.Unix, Path: filepath.Join(c.RunDir, name)}
}

// Listens returns everything that the server listens on. The private sockets under the run folder are among them once
// RunDir is set. An entry of multi_listen that names exactly the private addresses of its protocol is left out: the
// private sockets are what it asks for.
func (c *Config) Listens() []Listen {
	var all []Listen
	for _, l := range c.configured() {
		if l.Scope != PerWorker || !c.isPrivate(l) {
			all = append(all, l)
		}
	}
	return all
}

func (c *Config) isPrivate(l Listen) bool {
	return l.Serves == RTMP && l.Addr == c.RelayVia() || l.Serves == HTTP && l.Addr == c.ControlVia()
}

// configured returns every address, in the order of the file.
func (c *Config) configured() []Listen {
	var all []Listen
	for i, a := range c.RTMP.Listen {
		all = append(all, Listen{fmt.Sprintf("rtmp.listen[%d]", i), a, RTMP, Shared})
	}
	if c.RTMP.TLS.Enabled() {
		for i, a := range c.RTMP.TLS.Listen {
			all = append(all, Listen{fmt.Sprintf("rtmp.tls.listen[%d]", i), a, RTMPS, Shared})
		}
	}
	for i, a := range c.HTTP.Listen {
		all = append(all, Listen{fmt.Sprintf("http.listen[%d]", i), a, HTTP, Shared})
	}
	for i, m := range c.MultiListen {
		all = append(all, Listen{fmt.Sprintf("multi_listen[%d].listen", i), m.Listen, m.Serves, PerWorker})
	}
	if via := c.RelayVia(); !via.IsZero() {
		all = append(all, Listen{c.viaKey(), via, RTMP, Private})
	}
	if via := c.ControlVia(); !via.IsZero() {
		all = append(all, Listen{"run_dir", via, HTTP, Private})
	}
	return all
}

// viaKey is the key that says where the relays' sockets are.
func (c *Config) viaKey() string {
	if c.Relay.Via.IsZero() {
		return "run_dir"
	}
	return "relay.via"
}

// Range returns the addresses that l takes with that many workers. A private range has one for each slot there can
// be: while a process ends beside its successor, slots beyond the number of workers are in use.
func (l Listen) Range(workers int) multiport.Range {
	switch l.Scope {
	case PerWorker:
		return multiport.Range{Base: l.Addr, Workers: workers}
	case Private:
		return multiport.Range{Base: l.Addr, Workers: multiport.MaxWorkers}
	default:
		return multiport.Range{Base: l.Addr}
	}
}
