package metrics

import (
	"testing"
	"testing/synctest"
	"time"
)

// The limit changes while the server runs: no counter of a stream, and no sum, ever falls or loses anything; who has series of its own keeps them.
func TestSetStreamLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		a, b, c := s.publish("a"), s.publish("b"), s.publish("c")
		a.Sent, b.Sent, c.Sent = 100, 200, 300
		s.want(sentTotal, map[string]float64{"a": 100, "b": 200, "_other": 300})

		s.streams.SetLimit(1)
		a.Sent, b.Sent, c.Sent = 101, 201, 301
		s.want(sentTotal, map[string]float64{"a": 101, "b": 201, "_other": 301})
		s.publish("d").Sent = 50
		s.want(sentTotal, map[string]float64{"a": 101, "b": 201, "_other": 351})

		s.streams.SetLimit(0)
		s.want(sentTotal, map[string]float64{})
		b.Sent = 210
		s.end("b") // of its own series
		s.end("d") // of the others'
		s.publish("b").Sent = 7
		s.publish("e").Sent = 1000
		s.end("e") // that nobody has seen
		c.Sent = 400
		s.want(sentTotal, map[string]float64{})

		s.streams.SetLimit(2)
		s.want(sentTotal, map[string]float64{"a": 101, "b": 217, "_other": 1450})
		s.streams.SetLimit(3)
		s.want(sentTotal, map[string]float64{"a": 101, "b": 217, "c": 0, "_other": 1450})
		c.Sent = 425
		s.want(sentTotal, map[string]float64{"a": 101, "b": 217, "c": 25, "_other": 1450})

		s.streams.SetLimit(0)
		time.Sleep(2 * keepFor)
		for _, name := range []string{"a", "b", "c"} {
			s.end(name)
		}
		s.streams.SetLimit(3)
		s.want(sentTotal, map[string]float64{"a": 101, "b": 217, "c": 25, "_other": 1450}) // however rarely somebody looks
		time.Sleep(2 * keepFor)
		s.want(sentTotal, map[string]float64{"_other": 1450})
	})
}

// A worker that began without series of streams has them from then on.
func TestSetStreamLimitFromNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 0)
		s.publish("a").Sent = 100
		s.publish("b").Sent = 200
		s.end("b")
		s.want(sentTotal, map[string]float64{})
		s.streams.SetLimit(10)
		s.want(sentTotal, map[string]float64{"a": 100, "_other": 200})
		s.live["a"].Sent = 150
		s.want(sentTotal, map[string]float64{"a": 150, "_other": 200})
	})
}
