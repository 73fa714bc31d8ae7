package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A trial is an attack, and how each of its connections must end.
type trial struct {
	row    int    // of the table in docs/limits.md
	name   string // of the attack
	script func(*attacker) error

	reason string        // of connections_closed_total; the attackers leave by themselves when it is left out
	kind   string        // of protocol_errors_total
	limit  string        // of limits_hit_total, once by each connection
	drops  int           // of frames_dropped_total, not_active, by each connection
	after  time.Duration // when the server closes; 0 is at once
	codes  []string      // the last statuses that each connection is sent
	seen   map[string]int
}

// trials are all attacks of tables; those that need more than a table are in others.
func trials() [][]trial {
	return [][]trial{handshakeTrials, chunkTrials, sizeTrials, amfTrials, floodTrials, strayTrials, slowTrials, limitTrials}
}

// scriptOf finds an attack by its name.
func scriptOf(name string) func(*attacker) error {
	for _, table := range trials() {
		for i := range table {
			if table[i].name == name {
				return table[i].script
			}
		}
	}
	return attacks[name]
}

// test carries the trial out, and looks at all that must hold. It returns how many bytes were sent.
func (tr *trial) test(t *testing.T, sc *scene) (sent int64) {
	t.Helper()
	before, worker := sc.metrics(t), sc.observe(t, sc.target)
	r := sc.assault(t, tr.order()).wait(t)
	tr.judge(t, &r)
	if tr.reason == "" {
		sc.counted(t, before, len(r.Fates), closedTotal, "reason", "gone")
	} else {
		sc.counted(t, before, len(r.Fates), closedTotal, "reason", tr.reason)
	}
	if tr.kind != "" {
		sc.counted(t, before, len(r.Fates), errorsTotal, "kind", tr.kind)
	}
	if tr.limit != "" {
		sc.counted(t, before, len(r.Fates), limitsTotal, "limit", tr.limit)
	}
	if tr.drops > 0 {
		sc.counted(t, before, tr.drops*len(r.Fates), droppedTotal, "reason", "not_active")
	}
	sc.quiet(t, &r)
	worker.within(t, bound{memory: memoryPerByte * r.Sent})
	return r.Sent
}

func (tr *trial) order() order {
	return order{Attack: tr.name, App: attackApp, Name: strings.ReplaceAll(tr.name, " ", "-")}
}

// judge checks what the attacker saw.
func (tr *trial) judge(t *testing.T, r *report) {
	t.Helper()
	if len(r.Fates) == 0 {
		t.Error("nothing was attacked")
	}
	for _, f := range r.Fates {
		switch early, late := tr.after*9/10, tr.after+inTime; {
		case tr.reason == "" && f.Closed:
			t.Errorf("closed after %v: %v", f.After, f.Codes)
		case tr.reason != "" && !f.Closed:
			t.Errorf("not closed: %d bytes sent, %d received, %v", f.Sent, f.Received, f.Codes)
		case tr.reason != "" && (f.After < early || f.After > late):
			t.Errorf("closed after %v, not after %v", f.After, tr.after)
		}
		if n := len(f.Codes) - len(tr.codes); n < 0 || !slices.Equal(f.Codes[n:], tr.codes) {
			t.Errorf("told %v, which does not end with %v", f.Codes, tr.codes)
		}
	}
	for what, n := range tr.seen {
		if r.Seen[what] != n*len(r.Fates) {
			t.Errorf("%s: %d on %d connections, not %d on each", what, r.Seen[what], len(r.Fates), n)
		}
	}
	t.Logf("%d connections sent %d bytes, received %d, took %v of CPU and %v", len(r.Fates), r.Sent, r.Received, r.cpu, r.took)
}

// inTime is less than any timeout of the server, so that what is closed by one is told apart.
var inTime = time.Duration(scaled(4, 8)) * time.Second

// What a peer sends that the chunk layer, the commands or the state of the connection do not allow: the connection ends at once, and nothing else.
func TestAttackBytes(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before, sent := sc.allocatedByRTMP(t), int64(0)
	for _, table := range [][]trial{handshakeTrials, chunkTrials, sizeTrials, amfTrials, floodTrials, strayTrials} {
		for i := range table {
			tr := &table[i]
			t.Run(fmt.Sprintf("%d %s", tr.row, tr.name), func(t *testing.T) { sent += tr.test(t, sc) })
		}
	}
	grown := sc.allocatedByRTMP(t) - before
	t.Logf("%d bytes sent, %d allocated for them", sent, grown)
	if most := allocatedPerByte*sent + heapSlack; grown > most {
		t.Errorf("%d bytes were allocated, more than %d", grown, most)
	}
}
