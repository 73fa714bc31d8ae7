package amf0

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Limits bound what a Decoder accepts over its whole life. A zero (or
// negative) field means its default.
type Limits struct {
	MaxDepth int // how deep objects and arrays nest; default DefaultMaxDepth
	MaxNodes int // how many values there are, nested ones included; default DefaultMaxNodes
}

// Defaults of Limits. A `connect` or an `onMetaData` of a real encoder has
// fewer than 50 values and nests two deep.
const (
	DefaultMaxDepth = 16
	DefaultMaxNodes = 4096
)

// A Decoder decodes the values of one message, one after the other. It is not
// safe for concurrent use.
type Decoder struct {
	data     []byte
	pos      int
	maxDepth int
	nodes    int // how many more values we accept
	err      error
}

// NewDecoder returns a Decoder of the values in b. What it decodes does not
// refer to b.
func NewDecoder(b []byte, l Limits) *Decoder {
	d := &Decoder{data: b, maxDepth: l.MaxDepth, nodes: l.MaxNodes}
	if d.maxDepth <= 0 {
		d.maxDepth = DefaultMaxDepth
	}
	if d.nodes <= 0 {
		d.nodes = DefaultMaxNodes
	}
	return d
}

// Decode returns the next value. It returns io.EOF when there are no more
// values, and otherwise errors that wrap ErrTruncated (which is an
// io.ErrUnexpectedEOF), ErrMarker, ErrDepth or ErrNodes. After an error every
// call returns that error.
func (d *Decoder) Decode() (any, error) {
	if d.err != nil {
		return nil, d.err
	}
	if d.pos == len(d.data) {
		return nil, io.EOF
	}
	start := d.pos
	v, err := d.value(0)
	if err != nil {
		d.err = fmt.Errorf("%w (at byte %d of %d)", err, d.pos, len(d.data))
		d.pos = start
		return nil, d.err
	}
	return v, nil
}

// Remaining returns the bytes behind the last value that Decode returned. It
// is a part of the slice that NewDecoder was given.
func (d *Decoder) Remaining() []byte { return d.data[d.pos:] }

// value decodes one value inside depth objects and arrays.
func (d *Decoder) value(depth int) (any, error) {
	if d.nodes == 0 {
		return nil, ErrNodes
	}
	d.nodes--
	b, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch m := marker(b[0]); m {
	case markerNumber:
		return box(d.number())
	case markerBoolean:
		b, err := d.take(1)
		return err == nil && b[0] != 0, err
	case markerString:
		return box(d.string())
	case markerLongString:
		return box(d.longString())
	case markerXMLDocument:
		s, err := d.longString()
		return XMLDocument(s), err
	case markerNull:
		return Null{}, nil
	case markerUndefined:
		return Undefined{}, nil
	case markerUnsupported:
		return Unsupported{}, nil
	case markerReference:
		n, err := d.uint16()
		return Reference(n), err
	case markerDate:
		return box(d.date())
	case markerObject, markerTypedObject, markerECMAArray, markerStrictArray:
		if depth == d.maxDepth {
			return nil, ErrDepth
		}
		return d.container(m, depth+1)
	default:
		return nil, fmt.Errorf("%w 0x%02x", ErrMarker, b[0])
	}
}

// container decodes what follows the marker of an object or an array. depth
// counts the container itself.
func (d *Decoder) container(m marker, depth int) (any, error) {
	switch m {
	case markerStrictArray:
		return box(d.strictArray(depth))
	case markerECMAArray:
		// The count is a hint that senders get wrong: what counts is the mark
		// of the end.
		if _, err := d.uint32(); err != nil {
			return nil, err
		}
		p, err := d.properties(depth)
		return ECMAArray(p), err
	case markerTypedObject:
		name, err := d.string()
		if err != nil {
			return nil, err
		}
		p, err := d.properties(depth)
		return TypedObject{ClassName: name, Properties: p}, err
	default:
		p, err := d.properties(depth)
		return Object(p), err
	}
}

// properties decodes properties up to and including the mark of their end.
func (d *Decoder) properties(depth int) ([]Property, error) {
	var properties []Property
	for {
		key, err := d.string()
		if err != nil {
			return nil, err
		}
		if key == "" && d.pos < len(d.data) && marker(d.data[d.pos]) == markerObjectEnd {
			d.pos++
			return properties, nil
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		properties = append(properties, Property{key, v})
	}
}

func (d *Decoder) strictArray(depth int) (StrictArray, error) {
	count, err := d.uint32()
	if err != nil {
		return nil, err
	}
	// An element takes a byte at least: so a count that cannot be true is
	// refused at once. One that can be true still reserves nothing.
	if uint64(count) > uint64(len(d.data)-d.pos) {
		return nil, ErrTruncated
	}
	if uint64(count) > uint64(d.nodes) {
		return nil, ErrNodes
	}
	var a StrictArray
	for range count {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

func (d *Decoder) number() (float64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (d *Decoder) date() (Date, error) {
	ms, err := d.number()
	if err != nil {
		return Date{}, err
	}
	zone, err := d.uint16()
	return Date{ms, int16(zone)}, err
}

func (d *Decoder) string() (string, error) {
	n, err := d.uint16()
	if err != nil {
		return "", err
	}
	b, err := d.take(int64(n))
	return string(b), err
}

func (d *Decoder) longString() (string, error) {
	n, err := d.uint32()
	if err != nil {
		return "", err
	}
	b, err := d.take(int64(n))
	return string(b), err
}

func (d *Decoder) uint16() (uint16, error) {
	b, err := d.take(2)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b), nil
}

func (d *Decoder) uint32() (uint32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

// take consumes n bytes.
func (d *Decoder) take(n int64) ([]byte, error) {
	if n > int64(len(d.data)-d.pos) {
		return nil, ErrTruncated
	}
	b := d.data[d.pos : d.pos+int(n)]
	d.pos += int(n)
	return b, nil
}

// box turns the results of a typed method into those of value.
func box[T any](v T, err error) (any, error) { return v, err }
