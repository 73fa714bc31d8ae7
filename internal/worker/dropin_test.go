package worker

import (
	"fmt"
	"maps"
	"testing"
)

func TestPlainURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "http://a.example/p": "http://a.example/p", "http://u:p@a.example/p?token=secret#x": "http://a.example/p",
		"rtmp://a/live?key=secret": "rtmp://a/live", ":bad": "", "http://a/\x1b": "",
	} {
		if got := plainURL(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A counter does not fall when the hub forgets the stream, as long as it is published; then it is forgotten, too.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	published := map[string]bool{"a": true, "b": true}
	o := outgoing{published: func(key string) bool { return published[key] }}
	expect := func(now, want map[string]uint64) {
		t.Helper()
		if got := o.sums(func() map[string]uint64 { return maps.Clone(now) }); !maps.Equal(got, want) {
			t.Errorf("%v and %v: %v, want %v", now, o.past, got, want)
		}
	}
	expect(map[string]uint64{"a": 10, "b": 1}, map[string]uint64{"a": 10, "b": 1})
	o.add("a", 15)
	expect(map[string]uint64{"b": 2}, map[string]uint64{"a": 15, "b": 2})
	expect(map[string]uint64{"a": 1}, map[string]uint64{"a": 16})
	o.add("a", 1)
	o.add("c", 7)
	o.add("b", 0)
	expect(map[string]uint64{"c": 1}, map[string]uint64{"a": 16, "c": 8}) // nobody publishes c, but somebody plays it
	expect(map[string]uint64{}, map[string]uint64{"a": 16})
	delete(published, "a")
	expect(map[string]uint64{}, map[string]uint64{})
	asked := 0
	got := o.sums(func() map[string]uint64 {
		if asked++; asked == 1 {
			o.add("b", 5) // between the question and the answer
			return map[string]uint64{"b": 5}
		}
		return map[string]uint64{}
	})
	if got["b"] != 5 || asked != 2 {
		t.Errorf("counted %d after %d questions", got["b"], asked)
	}
}

// Who never asks does not fill the memory.
func TestOutgoingIsBounded(t *testing.T) {
	t.Parallel()
	o := outgoing{published: func(string) bool { return false }}
	for n := range 100 * sweepAbove {
		o.add(fmt.Sprint(n), 1)
	}
	if len(o.past) > sweepAbove {
		t.Errorf("%d names are kept", len(o.past))
	}
}
