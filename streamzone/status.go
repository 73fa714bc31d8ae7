package streamzone

// A status is the word that says what becomes of a zone as a whole.
//
//	 63               32 31          0
//	+-------------------+-------------+
//	| number of freeze  |    stage    |
//	+-------------------+-------------+
//
//	INIT ──► READY ──► FREEZING ──► MOVED
//	   └─► VOID  ▲────────┘
//
// The number goes up with each freeze, so that an acknowledgement of one cannot
// be taken for that of another.
type status uint64

type stage uint32

const (
	stageInit     stage = iota // being made; or a successor that nothing has moved to
	stageReady                 // in use
	stageFreezing              // in use; but claims and releases wait
	stageMoved                 // its successor is in use
	stageVoid                  // a successor that will not be used
)

func newStatus(freeze uint32, g stage) status { return status(freeze)<<32 | status(g) }

func (s status) freeze() uint32 { return uint32(s >> 32) }
func (s status) stage() stage   { return stage(uint32(s)) }

// String is for errors.
func (g stage) String() string {
	names := [...]string{"INIT", "READY", "FREEZING", "MOVED", "VOID"}
	if int(g) < len(names) {
		return names[g]
	}
	return "unknown"
}

func (t *table) status() status { return status(t.mem[atStatus].Load()) }

// setStatus moves the zone from one exact status to another.
func (t *table) setStatus(from, to status) bool {
	return t.mem[atStatus].CompareAndSwap(uint64(from), uint64(to))
}

// moved tells that what was just read here may be out of date: the zone had a
// successor before this look.
func (t *table) moved() bool { return t.status().stage() == stageMoved }

// abort ends a freeze without a move. Anybody may do it, and the keeper may
// commit: one swap decides.
func (t *table) abort(s status) {
	if t.setStatus(s, newStatus(s.freeze(), stageReady)) {
		crash(atAborted)
		t.ringAll()
	}
}
