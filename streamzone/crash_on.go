//go:build torture

package streamzone

// Points is one more than the highest point.
const Points = int(atAborted) + 1

// The hooks of the torture. They are set before the first call of a process.
var (
	// CrashHook is called at each point, before the step that follows.
	CrashHook func(point int)
	// FreedHook is called when a node has become free, by whoever freed it.
	FreedHook func(index uint32, gen uint64)
)

func crash(p point) {
	if CrashHook != nil {
		CrashHook(int(p))
	}
}

func freed(i uint32, s state) {
	if FreedHook != nil {
		FreedHook(i, s.gen())
	}
}

// PointName is what the code calls the point.
func PointName(p int) string { return pointNames[p] }

var pointNames = [Points]string{
	atSeizing:    "atSeizing",
	atSeized:     "atSeized",
	atHintGone:   "atHintGone",
	atHintLost:   "atHintLost",
	atHalfFilled: "atHalfFilled",
	atFilled:     "atFilled",
	atAimed:      "atAimed",
	atPrivate:    "atPrivate",
	atLinked:     "atLinked",
	atRefused:    "atRefused",
	atGivenBack:  "atGivenBack",
	atInterest:   "atInterest",
	atDirty:      "atDirty",
	atBell:       "atBell",
	atDeleted:    "atDeleted",
	atMarked:     "atMarked",
	atUnlinking:  "atUnlinking",
	atUnlinked:   "atUnlinked",
	atVerified:   "atVerified",
	atFreed:      "atFreed",
	atLooked:     "atLooked",
	atArrived:    "atArrived",
	atRead:       "atRead",
	atWatched:    "atWatched",
	atHeard:      "atHeard",
	atTaken:      "atTaken",
	atJoining:    "atJoining",
	atFollowing:  "atFollowing",
	atFollowed:   "atFollowed",
	atFrozen:     "atFrozen",
	atFroze:      "atFroze",
	atMoving:     "atMoving",
	atMoved:      "atMoved",
	atOpening:    "atOpening",
	atOpened:     "atOpened",
	atClosing:    "atClosing",
	atClosed:     "atClosed",
	atSweeping:   "atSweeping",
	atSwept:      "atSwept",
	atPrepared:   "atPrepared",
	atPassed:     "atPassed",
	atFreezing:   "atFreezing",
	atAllFrozen:  "atAllFrozen",
	atCopying:    "atCopying",
	atCopied:     "atCopied",
	atCommitted:  "atCommitted",
	atAborted:    "atAborted",
}
