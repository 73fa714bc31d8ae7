// Package spec_test has spin check the models of the stream zone: as they are
// no rule is ever broken, and each mutant of them breaks one. README.md
// explains the models.
package spec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A world is a model within bounds.
type world struct {
	name  string
	model string
	flags string
	least int // states, in thousands: a search of less has not searched this
}

var worlds = []world{
	{"death and sweep", "zone.pml", "KILLS=1 KEEPER_KILLS=1", 1300},
	{"rivals", "zone.pml", "KILLS=0 CLAIMS=2", 200},
	{"death after death", "zone.pml", "KILLS=2 WORKERS=1 CLAIMS=2", 400},
	{"death with two names", "zone.pml", "KILLS=1 WORKERS=1 NAMES=2 CLAIMS=2", 200},
	{"lookup and death", "zone.pml", "KILLS=1 WORKERS=1 LOOKUPS=1", 150},
	{"lookup and rivals", "zone.pml", "KILLS=0 LOOKUPS=1", 400},
	{"lookup and another name", "zone.pml", "KILLS=0 WORKERS=1 NAMES=2 CLAIMS=2 LOOKUPS=1", 25},
	{"lookup and another bucket", "zone.pml", "KILLS=0 NAMES=3 CLAIMS=2 LOOKUPS=1 SCRIPT", 1000},

	{"wake and death", "wake.pml", "KILLS=2", 150},
	{"wake and death of the keeper", "wake.pml", "KILLS=1 KEEPER_KILLS=1", 60},
	{"wake again", "wake.pml", "KILLS=1 PUBLISHES=2 GIVE_UPS=1", 200},
	{"wake of two", "wake.pml", "KILLS=0 PLAYERS=2 PUBLISHES=2 GIVE_UPS=1", 150},

	{"resize or not", "resize.pml", "TIMEOUTS=1", 900},
	{"resize with rivals", "resize.pml", "TIMEOUTS=1 CLAIMS1=1 FOLLOWED", 1000},
	{"resize and death", "resize.pml", "TIMEOUTS=0 KILLS=1", 500},
	{"resize and death of a rival", "resize.pml", "TIMEOUTS=0 KILLS=1 CLAIMS1=1 FOLLOWED", 400},
	{"resize and death of the keeper", "resize.pml", "TIMEOUTS=0 KEEPER_KILLS=1", 300},
	{"resize and join", "resize.pml", "TIMEOUTS=0 KILLS=1 REJOINS=1 FOLLOWED", 100},
	{"resize twice", "resize.pml", "TIMEOUTS=0 RESIZES=2", 1200},
	{"resize and lookup", "resize.pml", "TIMEOUTS=0 LOOKUPS=1 FOLLOWED", 700},
	{"resize and lookup, from the start", "resize.pml", "TIMEOUTS=0 LOOKUPS=1 CLAIMS0=0", 200},
	{"resize and wake", "resize.pml", "TIMEOUTS=0 PLAYERS=1 FOLLOWED", 700},
}

// A mutant is a world with something left out or done wrongly. One of the
// rules must break.
type mutant struct {
	flags string
	world string
	rules string
}

var mutants = []mutant{
	{"NO_R1", "death and sweep", "reachable_is_in_use"},
	{"HELPERS_FREE", "death and sweep", "freed_once"},
	{"NO_R4", "lookup and another bucket", "no_link_is_torn_twice held_name_is_found"},
	{"NO_LINK_GENERATION", "death and sweep", "no_link_is_torn_twice reachable_is_in_use"},
	{"NO_MARK", "rivals", "reachable_is_in_use"},
	{"NO_EFFECTIVE_CHECK", "lookup and death", "answer_was_true"},
	{"NO_SECOND_LOOK", "lookup and another name", "answer_was_true"},
	{"PLAIN_INSERT", "rivals", "one_owner_per_name held_name_is_in_its_chain link_names_its_target"},
	{"LATE_HEAD", "rivals", "one_owner_per_name"},
	{"EPOCH_BLIND_SWEEP", "death and sweep", "reachable_is_in_use freed_once held_name_is_in_its_chain"},
	{"NO_PROOF_OF_DEATH", "rivals", "reachable_is_in_use freed_once"},

	{"LOOKUP_BEFORE_WATCH", "wake and death", "nobody_waits_for_a_name_that_is_held"},
	{"INTEREST_BEFORE_LINK", "wake and death", "nobody_waits_for_a_name_that_is_held"},
	{"BELL_BEFORE_DIRTY", "wake and death", "nobody_waits_for_a_name_that_is_held"},
	{"WAKE_BEFORE_BELL", "wake and death", "nobody_waits_for_a_name_that_is_held"},
	{"BELL_READ_LATE", "wake and death", "nobody_waits_for_a_name_that_is_held"},
	{"RINGERS_CLEAR", "wake again", "nobody_waits_for_a_name_that_is_held"},
	{"CLOSE_WITHOUT_MUTEX", "wake of two", "nobody_waits_for_a_name_that_is_held"},
	{"CLOSE_WITHOUT_RINGING", "wake and death", "nobody_waits_for_the_end_of_what_has_ended"},

	{"COMMIT_WITHOUT_ACKS", "resize with rivals", "nobody_is_lost nobody_writes_to_a_zone_that_has_moved"},
	{"SILENCE_IS_DEATH", "resize with rivals", "nobody_is_lost nobody_writes_to_a_zone_that_has_moved"},
	{"ANY_ACK", "resize with rivals", "nobody_is_lost nobody_writes_to_a_zone_that_has_moved"},
	{"ACK_BEFORE_GATE", "resize with rivals", "nobody_writes_to_a_zone_that_has_moved"},
	{"ACK_WITHOUT_SUCCESSOR", "resize and join", "no_stream_is_lost nobody_is_lost"},
	{"THAW_ALONE", "resize with rivals", "nobody_is_lost nobody_writes_to_a_zone_that_has_moved"},
	{"THAW_BEFORE_SWAP", "resize with rivals", "nobody_is_lost"},
	{"COMMIT_BY_STORE", "resize with rivals", "nobody_is_lost nobody_writes_to_a_zone_that_has_moved"},
	{"COPY_BEFORE_FREEZE", "resize with rivals", "no_stream_is_lost one_owner_over_all_zones"},
	{"COPY_PRIVATE", "resize and death of a rival", "one_owner_over_all_zones"},
	{"LOOKUP_WITHOUT_STATUS", "resize and lookup", "answer_was_true"},
	{"LOCK_BEFORE_NEXT ACK_WITHOUT_SUCCESSOR", "resize and lookup, from the start", "nobody_is_lost"},
	{"FOLLOW_OVERWRITES", "resize twice", "no_stream_is_lost nobody_is_lost"},
	{"JOIN_INTO_FREEZE", "resize and join", "no_stream_is_lost"},
	{"FIRE_BEFORE_INTERESTS", "resize and wake", "nobody_waits_for_a_name_that_is_held"},
	{"INTERESTS_NOT_MOVED", "resize and wake", "nobody_waits_for_a_name_that_is_held"},
}

// small is enough for every world and mutant above.
var small = bounds{optimize: "-O0", memory: 1024, depth: 20_000, hash: 21, patience: 4 * time.Minute}

// No rule is ever broken, and nobody ever gets stuck.
func TestModels(t *testing.T) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			hold(t, w, small)
		})
	}
}

// hold examines every run of a world.
func hold(t *testing.T, w world, b bounds) {
	t.Helper()
	f := search(t, w.model, strings.Fields(w.flags), b)
	if f.wrong != "" {
		t.Fatalf("%s %s: %s\n%s", w.model, w.flags, f.wrong, f.report)
	}
	if f.states < w.least*1000 {
		t.Fatalf("%s %s has %d states only: that is not what was to be searched\n%s", w.model, w.flags, f.states, f.report)
	}
	t.Logf("%s %s: %d states, depth %d, %.0f MiB, %v", w.model, w.flags, f.states, f.depth, f.memory, f.took.Round(100*time.Millisecond))
}

// Every mutant breaks the rule that it should: the models see something.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.flags, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(worlds, func(w world) bool { return w.name == m.world })
			if i < 0 {
				t.Fatalf("there is no world %q", m.world)
			}
			w := worlds[i]
			f := search(t, w.model, append(strings.Fields(w.flags), strings.Fields(m.flags)...), small)
			if !slices.Contains(strings.Fields(m.rules), f.wrong) {
				t.Fatalf("%s with %s in %q must break %s, but: %q\n%s", w.model, m.flags, w.name, m.rules, f.wrong, f.report)
			}
			t.Logf("%s after %d states", f.wrong, f.states)
		})
	}
}

// switches are the flags that are neither bounds nor mutants.
var switches = []string{"SCRIPT", "FOLLOWED"}

var (
	tested  = regexp.MustCompile(`(?m)^#(?:ifn?def|el?if) .*$`)
	bounded = regexp.MustCompile(`(?m)^#ifndef (\w+)\n#define \w+ \d+\b`)
	word    = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\bSCRIPT\b|\bFOLLOWED\b`)
)

// Every switch in a model is tried, and every world, mutant and rule has its
// place in README.md.
func TestNothingIsForgotten(t *testing.T) {
	readme := read(t, "README.md")
	models, err := filepath.Glob("*.pml")
	if err != nil || len(models) != 3 {
		t.Fatal(models, err)
	}
	var known []string
	for _, m := range mutants {
		known = append(known, strings.Fields(m.flags)...)
		for _, name := range append(strings.Fields(m.flags), strings.Fields(m.rules)...) {
			if !strings.Contains(readme, "`"+name+"`") {
				t.Errorf("README.md does not explain %s", name)
			}
		}
	}
	for _, w := range worlds {
		if !strings.Contains(readme, w.name) || !strings.Contains(readme, w.flags) {
			t.Errorf("README.md does not list %q, %s", w.name, w.flags)
		}
	}
	for _, model := range models {
		text := read(t, model)
		for _, b := range bounded.FindAllStringSubmatch(text, -1) {
			known = append(known, b[1])
		}
		for _, line := range tested.FindAllString(text, -1) {
			for _, name := range word.FindAllString(line, -1) {
				if !slices.Contains(known, name) && !slices.Contains(switches, name) {
					t.Errorf("%s: nothing tries %s", model, name)
				}
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
