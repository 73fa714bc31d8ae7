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
	{"three nodes", "zone.pml", "KILLS=1 NODES=3", 5000},
	{"rivals, three times", "zone.pml", "KILLS=0 CLAIMS=3", 2000},
	{"two deaths", "zone.pml", "KILLS=2", 14_000},
	{"two names, death and death of the keeper", "zone.pml", "KILLS=1 KEEPER_KILLS=1 NAMES=2", 9000},
	{"lookup and rivals for two names", "zone.pml", "KILLS=0 NAMES=2 LOOKUPS=1", 2500},
	{"lookup, rivals and death", "zone.pml", "KILLS=1 LOOKUPS=1", 45_000},

	{"wake, death and death of the keeper", "wake.pml", "KILLS=2 KEEPER_KILLS=1 PUBLISHES=2", 400},
	{"wake of two, and death", "wake.pml", "KILLS=1 PLAYERS=2 PUBLISHES=2 GIVE_UPS=1", 400},

	{"resize, death and death of the keeper", "resize.pml", "TIMEOUTS=0 KILLS=1 KEEPER_KILLS=1", 600},
	{"resize, death and abort", "resize.pml", "TIMEOUTS=1 KILLS=1", 1000},
	{"resize, death of the keeper and abort", "resize.pml", "TIMEOUTS=1 KEEPER_KILLS=1", 2500},
	{"resize, wake and abort", "resize.pml", "TIMEOUTS=1 PLAYERS=1 FOLLOWED", 6000},
	{"resize with rivals, twice", "resize.pml", "TIMEOUTS=1 CLAIMS0=2 CLAIMS1=2 FOLLOWED", 3500},
	{"resize twice, and lookup", "resize.pml", "TIMEOUTS=0 RESIZES=2 LOOKUPS=1 CLAIMS0=0", 4500},
}

// No rule is broken within larger bounds either.
func TestLarge(t *testing.T) {
	for _, w := range largeWorlds {
		t.Run(w.name, func(t *testing.T) { hold(t, w, large) })
	}
}
