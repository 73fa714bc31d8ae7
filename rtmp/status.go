package rtmp

import (
	"fmt"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// Levels of a Status (RTMP 1.0 §7.2.2).
const (
	LevelStatus = "status"
	LevelError  = "error"
)

// Codes of a Status.
const (
	CodeConnectSuccess    = "NetConnection.Connect.Success"
	CodeConnectRejected   = "NetConnection.Connect.Rejected"
	CodeConnectInvalidApp = "NetConnection.Connect.InvalidApp"
	CodeConnectFailed     = "NetConnection.Connect.Failed"

	CodeCallFailed = "NetConnection.Call.Failed"

	// Enhanced RTMP v2 "Reconnect Request".
	CodeConnectReconnectRequest = "NetConnection.Connect.ReconnectRequest"

	CodePublishStart     = "NetStream.Publish.Start"
	CodePublishBadName   = "NetStream.Publish.BadName"
	CodePublishDenied    = "NetStream.Publish.Denied"
	CodePublishFailed    = "NetStream.Publish.Failed"
	CodeUnpublishSuccess = "NetStream.Unpublish.Success"

	CodePlayReset           = "NetStream.Play.Reset"
	CodePlayStart           = "NetStream.Play.Start"
	CodePlayStop            = "NetStream.Play.Stop"
	CodePlayFailed          = "NetStream.Play.Failed"
	CodePlayStreamNotFound  = "NetStream.Play.StreamNotFound"
	CodePlayPublishNotify   = "NetStream.Play.PublishNotify"
	CodePlayUnpublishNotify = "NetStream.Play.UnpublishNotify"

	CodeSeekNotify = "NetStream.Seek.Notify"
)

// A Status is the information object of an `onStatus`, `_result` or `_error`
// (RTMP 1.0 §7.2.2).
type Status struct {
	Level       string // LevelStatus or LevelError; empty means LevelStatus
	Code        string // such as CodePublishStart
	Description string // for people
}

// refusal reports whether s says no. Some servers forget the level, so that
// well-known codes count too.
func (s *Status) refusal() bool {
	if s.Level == LevelError {
		return true
	}
	for _, end := range [...]string{".BadName", ".Denied", ".Failed", ".Rejected", ".StreamNotFound", ".InvalidApp"} {
		if strings.HasSuffix(s.Code, end) {
			return true
		}
	}
	return false
}

// object returns s as it goes over the wire. Clients look for these three
// properties in an AMF 0 object, not in an ECMA array.
func (s *Status) object() amf0.Object {
	level := s.Level
	if level == "" {
		level = LevelStatus
	}
	return amf0.Object{
		{Key: "level", Value: level},
		{Key: "code", Value: s.Code},
		{Key: "description", Value: s.Description},
	}
}

// statusFrom reads an information object; ok is false when v is none.
func statusFrom(v any) (s Status, ok bool) {
	o, ok := asObject(v)
	if !ok {
		return s, false
	}
	s.Level, _ = o.String("level")
	s.Code, _ = o.String("code")
	s.Description, _ = o.String("description")
	return s, true
}

// asObject returns v's properties if it is any kind of object.
func asObject(v any) (amf0.Object, bool) {
	switch v := v.(type) {
	case amf0.Object:
		return v, true
	case amf0.ECMAArray:
		return amf0.Object(v), true
	case amf0.TypedObject:
		return v.Properties, true
	default:
		return nil, false
	}
}

// A StatusError is the refusal of a connect, publish or play by the server.
type StatusError struct{ Status }

// Error describes the refusal; texts of the server are quoted.
func (e *StatusError) Error() string {
	if e.Description == "" {
		return fmt.Sprintf("rtmp: refused: %q", e.Code)
	}
	return fmt.Sprintf("rtmp: refused: %q (%q)", e.Code, e.Description)
}
