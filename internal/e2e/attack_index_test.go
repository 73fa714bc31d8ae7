package e2e

import "time"

// attacks are those that are in no table of trials, by name.
var attacks = map[string]func(*attacker) error{
	"changing chunks":           changingChunks,
	"odd timestamps":            oddTimestamps,
	"no keyframe":               videoFlood(false),
	"endless GOP":               videoFlood(true),
	"big headers":               bigHeaders,
	"never reading":             readers(neverRead),
	"pinging and never reading": readers(readNothingAndPing),
	"many tracks":               manyTracks,
	"reading slowly":            readers(readSlowly),
	"never acknowledging":       neverAcknowledging,

	"crowd":       crowd(soon),
	"descriptors": crowd(time.Second),

	"duel":         duel,
	"republishing": republish,

	"hostile publish": hostile(hostilePublish),
	"hostile play":    hostile(hostilePlay),
	"hostile app":     hostile(hostileApp),
	"hostile fields":  hostileFields,
	"many names":      manyNames,

	"few large claims":  claims(2),
	"many claims":       claims(32),
	"publish query":     publishQuery,
	"publish app query": publishAppQuery,
	"play query":        playQuery,
	"panicking":         panicking,
}
