package config

import (
	"fmt"
	"slices"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// listens judges every address by itself.
func (v *validator) listens(c *Config) {
	if !c.serves(RTMP) && !c.serves(RTMPS) {
		v.check(false, "rtmp.listen", "nobody can publish or play: write an address, such as 1935, or a multi_listen that serves rtmp")
	}
	for i, m := range c.MultiListen {
		key := fmt.Sprintf("multi_listen[%d]", i)
		if m.Serves == "" {
			v.check(false, key+".serves", "is missing: write serves: rtmp, serves: rtmps or serves: http")
		} else {
			v.enum(key+".serves", string(m.Serves), []string{string(RTMP), string(RTMPS), string(HTTP)})
		}
	}
	for _, l := range c.configured() {
		switch {
		case l.Key == "run_dir" || v.skip(l.Key):
		case l.Addr.IsZero():
			v.problems.add(l.Key, "is missing: write an address, such as 1935, 127.0.0.1:1935, \"[::1]:1935\" or \"unix:/path\"")
		case l.Key == "relay.via" && l.Addr.Network == multiport.TCP && c.playSecret():
			v.problems.add(l.Key, "any user of this machine can play from %s, and apps has a play_secret: write unix:/path", l.Addr)
		case l.Key == "relay.via" && !l.Addr.IsLoopback():
			v.problems.add(l.Key, "%s can be reached from other machines, but is for the workers of this one: write 127.0.0.1:port or unix:/path", l.Addr)
		case l.Scope != Shared:
			if err := l.Addr.CheckRange(l.Range(v.workers).Workers); err != nil {
				v.problems.add(l.Key, "%s", err)
			}
		}
	}
}

// serves tells whether clients are served p anywhere.
func (c *Config) serves(p Protocol) bool {
	return slices.ContainsFunc(c.configured(), func(l Listen) bool { return l.Serves == p && l.Scope != Private })
}

// clashes finds the pairs of addresses that cannot both be listened on.
func (v *validator) clashes(c *Config) {
	unread := func(l Listen) bool { return v.skip(l.Key) }
	all := slices.DeleteFunc(c.configured(), unread)
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Scope == PerWorker && b.Scope == Private && a.Addr == b.Addr && c.isPrivate(a) {
				continue // they are the same sockets
			}
			if b.Key == "run_dir" {
				v.clash(b, a) // the other one is easier to change
			} else {
				v.clash(a, b)
			}
		}
	}
}

// clash reports b if it collides with a.
func (v *validator) clash(a, b Listen) {
	rangeA, rangeB := a.Range(v.workers), b.Range(v.workers)
	ofA, ofB, found := rangeA.Overlap(rangeB)
	if !found {
		return
	}
	p := clashProblem(b.Key, a.Key, ofB, rangeB, rangeA)
	other := clashProblem(a.Key, b.Key, ofA, rangeA, rangeB)
	p.other = &other
	v.problems = append(v.problems, p)
}

func clashProblem(key, otherKey string, addr multiport.Addr, own, other multiport.Range) Error {
	what := "port"
	if addr.Network == multiport.Unix {
		what = "path"
	}
	taken := addr.String()
	if own.Workers > 0 {
		taken += " of " + own.String()
	}
	return Error{
		Key:  key,
		Text: fmt.Sprintf("%s is taken by %s (%s): choose another %s for one of the two", taken, otherKey, other, what),
	}
}
