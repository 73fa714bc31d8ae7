package live

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A trialStep is a message of a trial.
type trialStep struct {
	step
	segment int
	after   int // milliseconds after the segment's beginning
}

// newTrial makes what a hostile publisher sends, by arrival: segments between which its clock jumps, with pauses, a network that stalls, audio and
// video that arrive apart, and headers and data of any time between them.
func newTrial(r *rand.Rand) (steps []trialStep, segments int) {
	var (
		clock = r.Uint32()
		now   = int64(r.IntN(1e9))
		apart = int64(r.IntN(800))
	)
	segments = 2 + r.IntN(5)
	for n := range segments {
		length := 3000 + r.IntN(20_000)
		add := func(what rune, after int, ts uint32, late int64) {
			steps = append(steps, trialStep{step{what: what, ts: ts, at: now + int64(after) + late}, n, after})
		}
		for v := 0; v < length; v += 20 + r.IntN(40) {
			add('v', v, clock+uint32(v), 0)
		}
		for a := 0; a < length; a += 21 + r.IntN(4) {
			add('a', a, clock+uint32(a), apart)
		}
		for range r.IntN(20) {
			after := r.IntN(length)
			what, late := 'V', int64(0)
			switch r.IntN(3) {
			case 0:
				what = 'D'
			case 1:
				what, late = 'A', apart
			}
			add(what, after, (clock+uint32(after))*uint32(r.IntN(2)), late) // or 0
		}
		now += int64(length)
		clock += uint32(length)
		pause := jump(r, &clock)
		now += pause
	}
	slices.SortStableFunc(steps, func(a, b trialStep) int { return int(a.at - b.at) })
	for range r.IntN(4) { // nothing gets through for a while
		from := steps[r.IntN(len(steps))].at
		until := from + int64(r.IntN(15_000))
		for i := range steps {
			if steps[i].at > from && steps[i].at < until {
				steps[i].at = until
			}
		}
	}
	return steps, segments
}

// jump sets a publisher's clock, or has it pause.
func jump(r *rand.Rand, clock *uint32) (pause int64) {
	switch r.IntN(6) {
	case 0:
		*clock += uint32(r.IntN(1 << 30))
	case 1:
		*clock -= uint32(r.IntN(1 << 30))
	case 2: // about the bounds
		*clock += uint32(maxAhead - 500 + r.IntN(1000))
	case 3:
		*clock -= uint32(maxStepBack - 500 + r.IntN(1000))
	case 4:
		*clock ^= timestampWrap
	case 5:
		pause = int64(r.IntN(60_000))
		*clock += uint32(pause)
	}
	return pause
}

// TestTimelineHolds runs trials: no kind ever steps back, nothing leaps, and audio and video stay as far apart as the publisher has them.
func TestTimelineHolds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		steps, segments := newTrial(rand.New(rand.NewPCG(seed, 1)))
		if jumps := runTrial(t, seed, steps); jumps >= segments {
			t.Errorf("seed %d: %d discontinuities in %d segments", seed, jumps, segments)
		}
	}
}

func runTrial(t *testing.T, seed uint64, steps []trialStep) (jumps int) {
	t.Helper()
	const settled = 2000 // milliseconds after a jump
	var (
		l      timeline
		last   [kinds]*uint32
		newest uint32
		offset = map[int]uint32{} // of a segment
	)
	for i, m := range steps {
		k, media := m.kind()
		got, d := l.place(k, media, m.ts, m.at)
		if d == DiscontinuityForward || d == DiscontinuityBackward {
			jumps++
		}
		if p := last[k]; p != nil && int32(got-*p) < 0 {
			t.Fatalf("seed %d, step %d: %s steps back from %d to %d", seed, i, k, *p, got)
		}
		last[k] = &got
		if !media {
			continue
		}
		if leap := int64(int32(got - newest)); i > 0 && newest != 0 && leap > maxAhead+maxArrears+m.at-steps[i-1].at {
			t.Fatalf("seed %d, step %d: players leap %d ms", seed, i, leap)
		}
		newest = got
		if m.after < settled {
			continue
		}
		if o, ok := offset[m.segment]; ok && got-m.ts != o {
			t.Fatalf("seed %d, step %d, segment %d: %s moved by %d ms, %d ms into it", seed, i, m.segment, k, int32(got-m.ts-o), m.after)
		}
		offset[m.segment] = got - m.ts
	}
	return jumps
}
