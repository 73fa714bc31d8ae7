package e2e

import (
	"testing"
	"time"
)

const (
	// soon bounds what should take a moment; generous, because a loaded machine is not a failure.
	soon = 15 * time.Second
	// pollInterval is how often a condition is looked at.
	pollInterval = 20 * time.Millisecond
)

// waitFor looks at a condition until it holds, and fails the test when it does not within the time. The condition
// returns what is missing, or "" when nothing is.
func waitFor(t testing.TB, within time.Duration, what string, condition func() string) {
	t.Helper()
	missing := waitUntil(within, condition)
	if missing != "" {
		t.Fatalf("%s: not within %v: %s", what, within, missing)
	}
}

// waitUntil is waitFor for other goroutines than the test's: it returns what was still missing at the end.
func waitUntil(within time.Duration, condition func() string) string {
	deadline := time.After(within)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		missing := condition()
		if missing == "" {
			return ""
		}
		select {
		case <-deadline:
			// Once more: the process may have been starved since the last look.
			return condition()
		case <-tick.C:
		}
	}
}

// waitClosed waits for a channel to be closed or to deliver.
func waitClosed[T any](t testing.TB, within time.Duration, what string, c <-chan T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(within):
		t.Fatalf("%s: not within %v", what, within)
	}
}
