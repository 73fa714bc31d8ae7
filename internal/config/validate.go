package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// Bounds of the stream zone: its links hold an index + 1 in 24 bits.
const (
	maxBuckets = 1 << 24
	maxStreams = 1<<24 - 2
	maxName    = 65535
)

// maxMetricStreams is how many streams may have series of their own: more are too much for those who scrape.
const maxMetricStreams = 100_000

// minLog is the least that the log of a stream may be capped to.
const minLog Size = 1 << 20

// Validate judges a configuration as a whole. The error is of type Errors; Load has called it already.
func (c *Config) Validate() error {
	problems := c.validate(func(string) bool { return false })
	for _, s := range c.secrets() { // else whoever takes "" for no secret would let everybody in
		if s.file != "" && *s.value == "" {
			problems.add(s.fileKey(), "has not been read: have the configuration loaded by the server")
		}
	}
	return problems.err()
}

// A validator collects problems, but none of keys whose value could not be read anyway.
type validator struct {
	problems Errors
	skip     func(key string) bool
	workers  int // that the ranges are for; 1 when the configured number is wrong
}

func (v *validator) check(ok bool, key, format string, args ...any) {
	if !ok && !v.skip(key) {
		v.problems.add(key, format, args...)
	}
}

func (c *Config) validate(skip func(key string) bool) Errors {
	v := &validator{skip: skip, workers: c.Workers.Count()}
	if v.workers < 1 || v.workers > multiport.MaxWorkers || skip("workers") {
		v.check(false, "workers", workersRange, v.workers)
		v.workers = 1
	}
	v.runDir(c)
	v.sizes(c)
	v.durations(c)
	v.rtmp(c)
	v.apps(c)
	v.http(&c.HTTP)
	v.between("metrics.streams", c.Metrics.Streams, 0, maxMetricStreams)
	v.enum("log.level", c.Log.Level, []string{"debug", "info", "warn", "error"})
	v.enum("log.format", c.Log.Format, []string{"text", "json"})
	v.listens(c)
	v.clashes(c)
	return v.problems
}

func (v *validator) runDir(c *Config) {
	dir := c.RunDir
	switch {
	case dir == "":
	case !filepath.IsAbs(dir):
		v.problems.add("run_dir", "%q is not absolute: write a path that begins with /, or \"\" for a private folder", dir)
	case strings.ContainsFunc(dir, unicode.IsControl):
		v.problems.add("run_dir", "%q holds control characters: choose another path", dir)
	case c.ControlVia().CheckRange(multiport.MaxWorkers) != nil:
		longest, _ := c.ControlVia().ForWorker(multiport.MaxWorkers - 1)
		v.problems.add("run_dir", "its sockets' paths would have %d bytes, at most 107 are possible: choose a shorter folder", len(longest.Path))
	}
}

func (v *validator) sizes(c *Config) {
	z := c.StreamZone
	v.between("stream_zone.buckets", z.Buckets, 1, maxBuckets)
	v.between("stream_zone.streams", z.Streams, 1, maxStreams)
	v.between("stream_zone.name_max", z.NameMax, 1, maxName)
	v.check(c.Live.LogBytes >= minLog, "live.log_bytes", "%s is less than %s: choose more", c.Live.LogBytes, minLog)
}

func (v *validator) between(key string, n, low, high int) {
	v.check(n >= low && n <= high, key, "%d is out of range %d..%d: choose a number in it", n, low, high)
}

func (v *validator) durations(c *Config) {
	for _, d := range []struct {
		key    string
		value  time.Duration
		zeroOK bool
	}{
		{"shutdown_timeout", c.ShutdownTimeout, true},
		{"rtmp.idle_timeout", c.RTMP.IdleTimeout, true},
		{"rtmp.limits.handshake_timeout", c.RTMP.Limits.HandshakeTimeout, false},
		{"rtmp.limits.connect_timeout", c.RTMP.Limits.ConnectTimeout, false},
		{"rtmp.limits.command_timeout", c.RTMP.Limits.CommandTimeout, false},
		{"rtmp.limits.write_timeout", c.RTMP.Limits.WriteTimeout, false},
		{"rtmp.limits.publish_interval", c.RTMP.Limits.PublishInterval, true},
		{"relay.connect_timeout", c.Relay.ConnectTimeout, false},
		{"relay.linger", c.Relay.Linger, true},
		{"live.republish_wait", c.Live.RepublishWait, true},
		{"live.play_wait", c.Live.PlayWait, true},
		{"live.stall_timeout", c.Live.StallTimeout, false},
		{"live.max_lag", c.Live.MaxLag, false},
		{"live.log_duration", c.Live.LogDuration, false},
	} {
		v.check(d.value >= 0, d.key, "%s is negative: write a duration above zero", d.value)
		v.check(d.value != 0 || d.zeroOK, d.key, "must not be zero: write a duration above zero")
	}
	v.flush("live.flush", c.Live.Flush, c.Live.Flush, false)
	if l := c.Live; l.MaxLag > l.LogDuration { // what the player has yet to get would be gone
		v.contradiction(limit{"live.max_lag", l.MaxLag}, "is more than", limit{"live.log_duration", l.LogDuration}, "is less than")
	}
}

// maxFlush is the longest that packets may gather: players expect some every second.
const maxFlush = time.Second

// flush checks what was written, and what results of it; zeroOK tells that a maximum of zero is none.
func (v *validator) flush(key string, written, result Flush, zeroOK bool) {
	v.check(written.Max <= maxFlush, key+".max", "%s is more than %s: choose less", written.Max, maxFlush)
	v.check(written.Max >= 0, key+".max", "%s is negative: write a duration above zero", written.Max)
	v.check(written.Max != 0 || zeroOK, key+".max", "must not be zero: write a duration above zero")
	v.check(written.Min >= 0, key+".min", "%s is negative: write a duration above zero", written.Min)
	v.check(result.Min <= result.Max || result.Max <= 0, key+".min", "%s is more than the longest, %s: choose less", result.Min, result.Max)
}

// A limit is one side of a contradiction.
type limit struct {
	key   string
	value fmt.Stringer
}

// contradiction reports two values that can't both be meant, each being possible by itself, with what is wrong as seen
// from either.
func (v *validator) contradiction(low limit, tooHigh string, high limit, tooLow string) {
	if v.bad(low.key) || v.bad(high.key) {
		return
	}
	v.problems = append(v.problems, Error{
		Key: low.key, Text: fmt.Sprintf("%s %s %s, %s: choose less", low.value, tooHigh, high.key, high.value),
		other: &Error{Key: high.key, Text: fmt.Sprintf("%s %s %s, %s: choose more", high.value, tooLow, low.key, low.value)},
	})
}

// bad tells whether the value of key is wrong by itself.
func (v *validator) bad(key string) bool {
	return v.skip(key) || slices.ContainsFunc(v.problems, func(p Error) bool { return p.Key == key && p.other == nil })
}

func (v *validator) enum(key, value string, allowed []string) {
	v.check(slices.Contains(allowed, value), key, "%q is none of %s: write one of them", value, strings.Join(allowed, ", "))
}
