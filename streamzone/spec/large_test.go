//go:build large

package spec_test

import (
	"testing"
	"time"
)

// large is for a machine with 8 GiB to spare, and time.
var large = bounds{optimize: "-O2", compress: true, memory: 8000, depth: 1_000_000, hash: 26, patience: 30 * time.Minute}

// What takes too long for every run of the tests.
var largeWorlds = []world{
	{"wake, death and death of the keeper", "wake.pml", "KILLS=2 KEEPER_KILLS=1 PUBLISHES=2", 400},
	{"wake of two, and death", "wake.pml", "KILLS=1 PLAYERS=2 PUBLISHES=2 GIVE_UPS=1", 400},
	{"resize, death and death of the keeper", "resize.pml", "TIMEOUTS=0 KILLS=1 KEEPER_KILLS=1", 600},
	{"resize, death and abort", "resize.pml", "TIMEOUTS=1 KILLS=1", 1000},
	{"lookup, rivals and death", "zone.pml", "KILLS=1 LOOKUPS=1", 10_000},
}

// No rule is broken within larger bounds either.
func TestLarge(t *testing.T) {
	for _, w := range largeWorlds {
		t.Run(w.name, func(t *testing.T) { hold(t, w, large) })
	}
}
