package streamzone_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// Histories by hand: what is legal is taken for legal, and what isn't is not.
// Each line is begin, end, slot.epoch and the call, and the answer. All slots
// are open, in epoch 1, and there is room for three streams.
var linTable = []struct {
	name    string
	want    string // part of the complaint; "": it is legal
	history string
}{
	{"one life", "", `
		0 1 0.1 claim a: won 1.0
		2 3 1.1 lookup a: found 0 1.0
		4 5 1.1 claim a: taken 0 1.0
		6 7 0.1 release a 1.0: released
		8 9 1.1 lookup a: absent`},
	{"a fight", "", `
		0 5 0.1 claim a: won 1.0
		1 4 1.1 claim a: taken 0 1.0
		2 3 2.1 lookup a: absent`},
	{"two owners", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 1.1 claim a: won 2.0`},
	{"two owners at once", "explains a name", `
		0 3 0.1 claim a: won 1.0
		1 2 1.1 claim a: won 1.1`},
	{"a lost claim", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 1.1 lookup a: absent`},
	{"a lost claim, seen by its owner", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 release a 1.0: refused`},
	{"a lookup of an ended life", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 release a 1.0: released
		4 5 1.1 lookup a: found 0 1.0`},
	{"a lookup of the life before", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 release a 1.0: released
		4 5 0.1 claim a: won 2.0
		6 7 1.1 lookup a: found 0 1.0`},
	{"the life that follows is seen early", "", `
		0 1 0.1 claim a: won 1.0
		2 9 0.1 release a 1.0: released
		3 8 1.1 claim a: won 2.0
		4 5 2.1 lookup a: found 1 2.0`},
	{"and then the life before", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 9 0.1 release a 1.0: released
		3 8 1.1 claim a: won 2.0
		4 5 2.1 lookup a: found 1 2.0
		6 7 2.1 lookup a: found 0 1.0`},
	{"another's slot", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 1.1 lookup a: found 2 1.0`},
	{"taken by nobody", "explains a name", `
		0 1 0.1 claim a: taken 1 1.0`},
	{"taken by one who comes too late", "explains a name", `
		0 1 0.1 claim a: taken 1 1.0
		2 3 1.1 claim a: won 1.0`},
	{"a stale release works", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 release a 1.0: released
		4 5 0.1 claim a: won 2.0
		6 7 0.1 release a 1.0: released`},
	{"a stale release ends the next life", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 release a 1.0: released
		4 5 0.1 claim a: won 2.0
		6 7 0.1 release a 1.0: refused
		8 9 1.1 lookup a: absent`},
	{"two releases at once", "", `
		0 1 0.1 claim a: won 1.0
		2 5 0.1 release a 1.0: refused
		3 4 0.1 release a 1.0: released`},
	{"two releases at once, both work", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 5 0.1 release a 1.0: released
		3 4 0.1 release a 1.0: released`},
	{"an ID comes again", "ID comes again", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 release a 1.0: released
		4 5 1.1 claim b: won 1.0`},
	{"an error", "explains", `0 1 0.1 lookup a: FAULT`},

	{"a death", "", `
		0 1 0.1 claim a: won 1.0
		2 7 0.1 close: done
		3 4 1.1 lookup a: found 0 1.0
		5 6 1.1 claim a: won 1.1
		8 9 0.0 sweep: done 1
		10 11 0.3 open: done
		12 13 0.3 claim b: won 2.0`},
	{"a lookup of a dead life", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 close: done
		4 5 1.1 lookup a: found 0 1.0`},
	{"a claim meets a dead life", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 close: done
		4 5 1.1 claim a: taken 0 1.0`},
	{"a dead life comes back", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 close: done
		4 5 0.3 open: done
		6 7 1.1 lookup a: found 0 1.0`},
	{"the dead claim", "explains a name", `
		0 1 0.1 close: done
		2 3 0.1 claim a: won 1.0`},
	{"the same epoch again", "explains a name", `
		0 1 0.1 close: done
		2 3 0.1 open: done`},
	{"a late sweep takes the living", "explains a name", `
		0 1 0.1 close: done
		2 3 0.3 open: done
		4 5 0.3 claim a: won 1.0
		6 7 0.0 sweep: done 0
		8 9 1.1 lookup a: absent`},
	{"a death in two steps", "explains the whole", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 claim b: won 1.1
		4 9 0.1 close: done
		5 6 1.1 lookup a: absent
		7 8 1.1 lookup b: found 0 1.1`},

	{"a killed claim never happens", "", `
		0 - 0.1 claim a: killed
		2 3 1.1 lookup a: absent
		4 5 0.1 close: done
		6 7 1.1 claim a: won 1.0`},
	{"a killed claim happens late", "", `
		0 - 0.1 claim a: killed
		2 3 1.1 lookup a: absent
		4 5 1.1 claim a: taken 0 1.0
		6 7 1.1 lookup a: found 0 1.0
		8 9 0.1 close: done
		10 11 1.1 lookup a: absent`},
	{"a killed claim happens in the close", "", `
		0 - 0.1 claim a: killed
		2 7 0.1 close: done
		3 4 1.1 lookup a: absent
		5 6 1.1 lookup a: found 0 1.0`},
	{"a killed claim happens after the close", "explains a name", `
		0 - 0.1 claim a: killed
		2 3 0.1 close: done
		4 5 1.1 lookup a: found 0 1.0`},
	{"a killed claim is gone without a close", "explains a name", `
		0 - 0.1 claim a: killed
		2 3 1.1 lookup a: found 0 1.0
		4 5 1.1 lookup a: absent
		6 7 0.1 close: done`},
	{"a killed claim changes its ID", "explains a name", `
		0 - 0.1 claim a: killed
		2 3 1.1 lookup a: found 0 1.0
		4 5 1.1 lookup a: found 0 2.0
		6 7 0.1 close: done`},
	{"a killed claim has another's ID", "explains a name", `
		0 1 1.1 claim b: won 1.0
		2 - 0.1 claim a: killed
		4 5 1.1 lookup a: found 0 1.0
		6 7 0.1 close: done`},
	{"two killed claims have one ID", "explains a name", `
		0 - 0.1 claim a: killed
		2 3 1.1 lookup a: found 0 1.0
		4 5 0.1 close: done
		6 7 0.3 open: done
		8 - 0.3 claim a: killed
		10 11 1.1 lookup a: found 0 1.0
		12 13 0.3 close: done`},
	{"two killed claims, one after the other", "", `
		0 - 0.1 claim a: killed
		2 3 1.1 lookup a: found 0 1.0
		4 5 0.1 close: done
		6 7 0.3 open: done
		8 - 0.3 claim a: killed
		10 11 1.1 lookup a: found 0 2.0
		12 13 0.3 close: done`},
	{"a killed claim beats another", "", `
		0 - 0.1 claim a: killed
		1 4 1.1 claim a: taken 0 1.0
		5 6 0.1 close: done`},
	{"a killed release happens", "", `
		0 1 0.1 claim a: won 1.0
		2 - 0.1 release a 1.0: killed
		4 5 1.1 lookup a: found 0 1.0
		6 7 1.1 claim a: won 1.1
		8 9 0.1 close: done`},
	{"a killed release never happens", "", `
		0 1 0.1 claim a: won 1.0
		2 - 0.1 release a 1.0: killed
		4 5 1.1 claim a: taken 0 1.0
		6 7 0.1 close: done
		8 9 1.1 claim a: won 2.0`},
	{"a killed release is undone", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 - 0.1 release a 1.0: killed
		4 5 1.1 lookup a: absent
		6 7 1.1 lookup a: found 0 1.0
		8 9 0.1 close: done`},
	{"killed, and never closed", "not closed", `0 - 0.1 claim a: killed`},

	{"full", "", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 claim b: won 1.1
		4 5 1.1 claim c: won 1.2
		6 7 1.1 release c 1.2: released
		8 9 1.1 claim c: won 2.2
		10 21 2.1 release c 1.2: refused
		11 14 1.1 release c 2.2: released
		12 13 2.1 claim c: full`},
	{"not full", "2 nodes were in use, and 0 perhaps, of 3", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 claim b: won 1.1
		4 5 2.1 claim c: full`},
	{"full of the dead and those at work", "", `
		0 1 0.1 claim a: won 1.0
		2 - 0.1 claim b: killed
		4 5 0.1 close: done
		6 9 1.1 claim a: won 1.1
		7 8 2.1 claim c: full
		10 11 0.0 sweep: done 2`},
	{"not full after a sweep", "1 nodes were in use, and 0 perhaps, of 3", `
		0 1 0.1 claim a: won 1.0
		2 - 0.1 claim b: killed
		4 5 0.1 close: done
		6 7 0.0 sweep: done 2
		8 11 1.1 claim a: won 1.1
		9 10 2.1 claim c: full`},
	{"full of one who owns it", "explains a name", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 claim b: won 1.1
		4 5 0.1 claim c: won 1.2
		6 7 1.1 claim c: full`},

	{"a sweep leaves something", "want 1 to 1", `
		0 1 0.1 claim a: won 1.0
		2 3 0.1 close: done
		4 5 0.0 sweep: done 0`},
	{"a sweep takes too much", "want 0 to 1", `
		0 1 0.1 claim a: won 1.0
		2 - 0.1 release a 1.0: killed
		4 5 0.1 close: done
		6 7 0.0 sweep: done 2`},
}

func TestLinearTable(t *testing.T) {
	for _, tt := range linTable {
		t.Run(tt.name, func(t *testing.T) {
			h := &linHistory{from: linState{epochs: [linSlots]uint16{1, 1, 1}}, streams: 3}
			for line := range strings.Lines(strings.TrimSpace(tt.history)) {
				h.ops = append(h.ops, parseLinOp(t, strings.TrimSpace(line)))
			}
			err := h.check(t, map[streamzone.ID]bool{})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q\n%v", err, tt.want, h)
			}
		})
	}
}

// parseLinOp reads a line of the table.
func parseLinOp(t *testing.T, line string) linOp {
	t.Helper()
	asked, answer, _ := strings.Cut(line, ": ")
	var op linOp
	var end, kind string
	if _, err := fmt.Sscanf(asked, "%d %s %d.%d %s", &op.begin, &end, &op.call.slot, &op.call.epoch, &kind); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	_, _ = fmt.Sscan(end, &op.end) // "-" is none
	op.client = op.call.slot
	op.call.kind = linKind(indexOf(t, linKinds[:], kind))
	more := strings.Fields(asked)[4:]
	if op.call.kind < linOpen {
		op.call.name = int(more[0][0] - 'a')
	}
	if op.call.kind == linRelease {
		op.call.id = parseID(t, more[1])
	}
	more = strings.Fields(answer)
	op.result.is = linIs(indexOf(t, linIses[:], more[0]))
	switch op.result.is {
	case linWon:
		op.result.id = parseID(t, more[1])
	case linTaken, linFound:
		op.result.slot = int(more[1][0] - '0')
		op.result.id = parseID(t, more[2])
	case linDone:
		if len(more) > 1 {
			op.result.count = int(more[1][0] - '0')
		}
	}
	return op
}

func parseID(t *testing.T, s string) streamzone.ID {
	t.Helper()
	id, err := streamzone.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func indexOf(t *testing.T, words []string, word string) int {
	t.Helper()
	for i, w := range words {
		if w == word {
			return i
		}
	}
	t.Fatalf("no such word: %q", word)
	return -1
}
