package amf0

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Append appends the encoding of v to dst and returns the extended slice. v
// and everything in it must be of the types that the package comment lists.
//
// On an error, which wraps ErrType or ErrTooLong, Append returns dst as it was.
func Append(dst []byte, v any) ([]byte, error) {
	out, err := appendValue(dst, v)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendValue(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case float64:
		return appendNumber(append(dst, byte(markerNumber)), v), nil
	case bool:
		if v {
			return append(dst, byte(markerBoolean), 1), nil
		}
		return append(dst, byte(markerBoolean), 0), nil
	case string:
		if len(v) > math.MaxUint16 {
			return appendLongString(append(dst, byte(markerLongString)), v)
		}
		return appendString(append(dst, byte(markerString)), v)
	case Object:
		return appendProperties(append(dst, byte(markerObject)), v)
	case ECMAArray:
		return appendECMAArray(dst, v)
	case StrictArray:
		return appendStrictArray(dst, v)
	case TypedObject:
		dst, err := appendString(append(dst, byte(markerTypedObject)), v.ClassName)
		if err != nil {
			return dst, fmt.Errorf("class name: %w", err)
		}
		return appendProperties(dst, v.Properties)
	case Null:
		return append(dst, byte(markerNull)), nil
	case Undefined:
		return append(dst, byte(markerUndefined)), nil
	case Unsupported:
		return append(dst, byte(markerUnsupported)), nil
	case Date:
		dst = appendNumber(append(dst, byte(markerDate)), v.Milliseconds)
		return binary.BigEndian.AppendUint16(dst, uint16(v.TimeZone)), nil
	case Reference:
		return binary.BigEndian.AppendUint16(append(dst, byte(markerReference)), uint16(v)), nil
	case XMLDocument:
		return appendLongString(append(dst, byte(markerXMLDocument)), string(v))
	default:
		return dst, fmt.Errorf("%w: %T", ErrType, v)
	}
}

func appendNumber(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// appendString appends a UTF-8 string (AMF 0 §1.3.1) without a marker.
//
//	+--------+--------+--------- - - -
//	| length, 16 bit  | bytes
//	+--------+--------+--------- - - -
func appendString(dst []byte, s string) ([]byte, error) {
	if len(s) > math.MaxUint16 {
		return dst, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(s), math.MaxUint16)
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...), nil
}

// appendLongString appends a UTF-8-long string (AMF 0 §1.3.1) without a marker.
//
//	+--------+--------+--------+--------+--------- - - -
//	|          length, 32 bit           | bytes
//	+--------+--------+--------+--------+--------- - - -
func appendLongString(dst []byte, s string) ([]byte, error) {
	if len(s) > math.MaxUint32 {
		return dst, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(s), math.MaxUint32)
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...), nil
}

// appendProperties appends properties and the mark of their end: an empty key
// and the object end marker (AMF 0 §2.5, §2.11).
//
//	+-----+-------+-----+-------+- - -+--------+--------+--------+
//	| key | value | key | value |     |   0    |   0    |  0x09  |
//	+-----+-------+-----+-------+- - -+--------+--------+--------+
func appendProperties(dst []byte, properties []Property) ([]byte, error) {
	var err error
	for i := range properties {
		p := &properties[i]
		if dst, err = appendString(dst, p.Key); err != nil {
			return dst, fmt.Errorf("key of property %d: %w", i, err)
		}
		if dst, err = appendValue(dst, p.Value); err != nil {
			return dst, fmt.Errorf("property %q: %w", p.Key, err)
		}
	}
	return append(dst, 0, 0, byte(markerObjectEnd)), nil
}

// appendECMAArray appends an ECMA array: a count, which readers treat as a
// hint, then properties as in an object (AMF 0 §2.10).
//
//	+--------+--------+--------+--------+--------+- - -
//	|  0x08  |          count, 32 bit            | properties
//	+--------+--------+--------+--------+--------+- - -
func appendECMAArray(dst []byte, a ECMAArray) ([]byte, error) {
	if len(a) > math.MaxUint32 {
		return dst, fmt.Errorf("%w: ECMA array of %d", ErrTooLong, len(a))
	}
	dst = append(dst, byte(markerECMAArray))
	return appendProperties(binary.BigEndian.AppendUint32(dst, uint32(len(a))), a)
}

// appendStrictArray appends a strict array: a count, then that many values
// (AMF 0 §2.12).
//
//	+--------+--------+--------+--------+--------+- - -
//	|  0x0A  |          count, 32 bit            | values
//	+--------+--------+--------+--------+--------+- - -
func appendStrictArray(dst []byte, a StrictArray) ([]byte, error) {
	if len(a) > math.MaxUint32 {
		return dst, fmt.Errorf("%w: strict array of %d", ErrTooLong, len(a))
	}
	dst = binary.BigEndian.AppendUint32(append(dst, byte(markerStrictArray)), uint32(len(a)))
	var err error
	for i, v := range a {
		if dst, err = appendValue(dst, v); err != nil {
			return dst, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return dst, nil
}
