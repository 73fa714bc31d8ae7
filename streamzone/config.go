package streamzone

import (
	"errors"
	"fmt"
)

// Slots is how many worker processes a zone can name: slots 0..127.
const Slots = 128

// Sizes used where a Config says 0.
const (
	DefaultBuckets = 20011
	DefaultStreams = 10000
	DefaultNameMax = 1024
)

// Limits of the sizes. A link has 24 bits for index+1; a length has 16 bits.
const (
	maxBuckets = 1 << 24
	maxStreams = 1<<24 - 2
	maxNameMax = 1<<16 - 1
	maxBytes   = 16 << 30 // a slip of the pen should not ask for terabytes
)

// A Config holds the sizes of a zone, which are fixed for its life.
// A field that is 0 takes its default.
type Config struct {
	Buckets int // hash buckets, 1..16777216; about twice Streams, best a prime
	Streams int // streams that can be claimed at once, 1..16777214
	NameMax int // longest name in bytes, 1..65535
}

// Validate reports every size that is out of range. The error wraps ErrConfig.
func (c Config) Validate() error {
	c = c.withDefaults()
	errs := []error{
		inRange("buckets", c.Buckets, maxBuckets),
		inRange("streams", c.Streams, maxStreams),
		inRange("name_max", c.NameMax, maxNameMax),
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	g := newGeometry(c)
	if size := g.bytes(); size > maxBytes {
		return fmt.Errorf("%w: these sizes need %d MiB of memory, more than %d MiB: choose smaller ones",
			ErrConfig, size>>20, maxBytes>>20)
	}
	return nil
}

func inRange(key string, got, most int) error {
	if got >= 1 && got <= most {
		return nil
	}
	return fmt.Errorf("%w: %s %d is out of range 1..%d", ErrConfig, key, got, most)
}

func (c Config) withDefaults() Config {
	if c.Buckets == 0 {
		c.Buckets = DefaultBuckets
	}
	if c.Streams == 0 {
		c.Streams = DefaultStreams
	}
	if c.NameMax == 0 {
		c.NameMax = DefaultNameMax
	}
	return c
}
