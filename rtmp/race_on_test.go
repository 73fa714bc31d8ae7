//go:build race

package rtmp

// underRace tells that the race detector runs: it makes sync.Pool forget.
const underRace = true
