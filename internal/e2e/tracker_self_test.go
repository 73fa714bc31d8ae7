package e2e

import (
	"bytes"
	"slices"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// The tracker decides most of the tests here: it takes what is right, and finds each kind of fault.
func TestTrackerFindsFaults(t *testing.T) {
	t.Parallel()
	good := func() []rtmp.Message {
		source := newSource(1)
		messages := source.headers()
		messages[0].Payload = bytes.TrimPrefix(messages[0].Payload, setDataFrame)
		for range 100 {
			m, _ := source.next()
			messages = append(messages, m)
		}
		return messages
	}
	const first = 3 // the keyframe behind metadata and two sequence headers
	faults := map[string]func(m []rtmp.Message) []rtmp.Message{
		"lost":                  func(m []rtmp.Message) []rtmp.Message { return slices.Delete(m, 50, 51) },
		"doubled":               func(m []rtmp.Message) []rtmp.Message { return slices.Insert(m, 50, m[50]) },
		"swapped":               func(m []rtmp.Message) []rtmp.Message { m[50], m[51] = m[51], m[50]; return m },
		"damaged":               func(m []rtmp.Message) []rtmp.Message { m[50].Payload[60]++; return m },
		"cut":                   func(m []rtmp.Message) []rtmp.Message { m[50].Payload = m[50].Payload[:60]; return m },
		"no metadata":           func(m []rtmp.Message) []rtmp.Message { return m[1:] },
		"no video header":       func(m []rtmp.Message) []rtmp.Message { return slices.Delete(m, 1, 2) },
		"no audio header":       func(m []rtmp.Message) []rtmp.Message { return slices.Delete(m, 2, 3) },
		"another header":        func(m []rtmp.Message) []rtmp.Message { m[1].Payload = m[1].Payload[:20]; return m },
		"starts without a key":  func(m []rtmp.Message) []rtmp.Message { return slices.Delete(m, first, first+1) },
		"timestamp steps back":  func(m []rtmp.Message) []rtmp.Message { m[50].Timestamp -= 200; return m },
		"timestamp jumps":       func(m []rtmp.Message) []rtmp.Message { m[50].Timestamp++; return m },
		"another message type":  func(m []rtmp.Message) []rtmp.Message { m[50].Type ^= 1; return m },
		"something else inside": func(m []rtmp.Message) []rtmp.Message { m[50].Payload = []byte("\x27\x02"); return m },
	}
	check := func(messages []rtmp.Message) error {
		var tracker tracker
		for _, m := range messages {
			if err := tracker.message(&m); err != nil {
				return err
			}
		}
		return nil
	}
	if err := check(good()); err != nil {
		t.Errorf("nothing wrong: %v", err)
	}
	for name, fault := range faults {
		if err := check(fault(good())); err == nil {
			t.Errorf("%s: not found", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
