//go:build race

package chunk

// underRace tells that the race detector runs: it makes sync.Pool forget.
const underRace = true
