package amf0

// A marker is the first byte of a value and says its type (AMF 0 §2.1).
type marker byte

const (
	markerNumber      marker = 0x00 // AMF 0 §2.2
	markerBoolean     marker = 0x01 // AMF 0 §2.3
	markerString      marker = 0x02 // AMF 0 §2.4
	markerObject      marker = 0x03 // AMF 0 §2.5
	markerNull        marker = 0x05 // AMF 0 §2.7
	markerUndefined   marker = 0x06 // AMF 0 §2.8
	markerReference   marker = 0x07 // AMF 0 §2.9
	markerECMAArray   marker = 0x08 // AMF 0 §2.10
	markerObjectEnd   marker = 0x09 // AMF 0 §2.11
	markerStrictArray marker = 0x0A // AMF 0 §2.12
	markerDate        marker = 0x0B // AMF 0 §2.13
	markerLongString  marker = 0x0C // AMF 0 §2.14
	markerUnsupported marker = 0x0D // AMF 0 §2.15
	markerXMLDocument marker = 0x0F // AMF 0 §2.17
	markerTypedObject marker = 0x10 // AMF 0 §2.18

	// Movie clip (0x04, §2.6) and record set (0x0E, §2.16) are reserved and
	// have no encoding; 0x11 (§3.1) would switch to AMF 3, which no live
	// encoder sends. All three are refused with ErrMarker.
)

// A Property is one named value of an object or of an ECMA array.
type Property struct {
	Key   string
	Value any
}

// An Object is an anonymous object: properties in the order of the wire, with
// duplicates if there were any (AMF 0 §2.5).
type Object []Property

// An ECMAArray is an associative array. It differs from an Object only on the
// wire; `onMetaData` usually carries one (AMF 0 §2.10).
type ECMAArray []Property

// A StrictArray is an array with ordinal indices (AMF 0 §2.12).
type StrictArray []any

// A TypedObject is an object with the name of its class (AMF 0 §2.18).
type TypedObject struct {
	ClassName  string
	Properties Object
}

// A Date is a point in time (AMF 0 §2.13).
type Date struct {
	Milliseconds float64 // since 1970-01-01 00:00 UTC
	TimeZone     int16   // reserved by the specification, which says 0
}

// A Reference is the index of an earlier object of the same message (AMF 0
// §2.9). The decoder does not follow it.
type Reference uint16

// An XMLDocument is the text of an XML document (AMF 0 §2.17).
type XMLDocument string

// Null is the null value (AMF 0 §2.7).
type Null struct{}

// Undefined is the undefined value (AMF 0 §2.8).
type Undefined struct{}

// Unsupported stands for a value that its sender could not encode (AMF 0
// §2.15).
type Unsupported struct{}

// Get returns the value of the first property named key.
func (o Object) Get(key string) (any, bool) { return find(o, key) }

// String returns the first property named key if it is a string.
func (o Object) String(key string) (string, bool) { return findAs[string](o, key) }

// Number returns the first property named key if it is a number.
func (o Object) Number(key string) (float64, bool) { return findAs[float64](o, key) }

// Get returns the value of the first property named key.
func (a ECMAArray) Get(key string) (any, bool) { return find(a, key) }

// String returns the first property named key if it is a string.
func (a ECMAArray) String(key string) (string, bool) { return findAs[string](a, key) }

// Number returns the first property named key if it is a number.
func (a ECMAArray) Number(key string) (float64, bool) { return findAs[float64](a, key) }

func find(properties []Property, key string) (any, bool) {
	for i := range properties {
		if properties[i].Key == key {
			return properties[i].Value, true
		}
	}
	return nil, false
}

func findAs[T any](properties []Property, key string) (T, bool) {
	v, _ := find(properties, key)
	t, ok := v.(T)
	return t, ok
}
