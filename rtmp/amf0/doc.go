// Package amf0 reads and writes the Action Message Format, version 0: the
// encoding of the commands and the metadata of an RTMP connection.
//
// A value of the format is a Go value of one of these types:
//
//	AMF 0 type        Go type
//	number            float64
//	boolean           bool
//	string            string (a long string when longer than 65535 bytes)
//	object            Object
//	null              Null
//	undefined         Undefined
//	reference         Reference
//	ECMA array        ECMAArray
//	strict array      StrictArray
//	date              Date
//	unsupported       Unsupported
//	XML document      XMLDocument
//	typed object      TypedObject
//
// [Append] encodes a value, a [Decoder] decodes the values of a message one
// after the other. The decoder is made for hostile input: its work and its
// memory are bounded by [Limits] and by what the input holds, never by the
// lengths and counts that the input claims.
//
// Properties keep their order and their duplicates, and strings keep their
// bytes whether they are UTF-8 or not, so that what was decoded can be encoded
// again without loss.
//
// The format is that of Adobe's "Action Message Format – AMF 0"
// specification, cited below as "AMF 0 §…".
package amf0
