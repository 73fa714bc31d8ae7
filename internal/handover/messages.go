package handover

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
)

// Kind says what a message is.
type Kind string

// The messages.
const (
	KindStart Kind = "start" // master → worker: a Start, with descriptors
	KindReady Kind = "ready" // worker → master: it accepts
	KindStop  Kind = "stop"  // master → worker: a Stop
	KindZone  Kind = "zone"  // master → worker: nothing, with the descriptor of the zone that it is to follow to
	KindHeard Kind = "heard" // worker → master: nothing; it is done with the last zone, whatever came of it

	KindReload Kind = "reload" // master → worker: a Reload, after each attempt
	KindNoted  Kind = "noted"  // worker → master: nothing; it has taken notice of the last Reload

	KindPrepare Kind = "prepare" // master → worker: a Prepare, with descriptors
	KindCommit  Kind = "commit"  // master → worker: a Change: what was prepared holds from now on
	KindAbort   Kind = "abort"   // master → worker: a Change: what was prepared is to be forgotten
	KindAnswer  Kind = "answer"  // worker → master: an Answer, to each of these

	KindAsk  Kind = "ask"  // worker → master: an Ask for a reload
	KindTold Kind = "told" // master → worker: a Told, how that went
)

// A Start is all that a worker needs to know. Its descriptors are the zone's memory, then the sockets, in their order.
type Start struct {
	Worker   int            `json:"worker"` // 0..N-1, stable: names the worker's own ports
	Slot     int            `json:"slot"`   // of this process in the zone: names its private sockets
	Epoch    uint16         `json:"epoch"`  // of the slot
	Workers  int            `json:"workers"`
	Restarts int            `json:"restarts"`
	Ends     map[string]int `json:"ends"` // how the processes of this worker before ended, counted by reason
	Reload   Reload         `json:"reload"`
	Config   *config.Config `json:"config"`
	Sockets  []Socket       `json:"sockets"`
}

// A Reload says how the last attempt went to load the configuration; the first is the start of the server.
type Reload struct {
	At     time.Time `json:"at"`
	OK     bool      `json:"ok"`
	Loaded time.Time `json:"loaded"` // of the last that went well
}

// A Prepare has a worker make ready for another configuration. Its descriptors are those of the sockets, in their order.
type Prepare struct {
	Change  int            `json:"change"` // numbers them
	Config  *config.Config `json:"config"`
	Sockets []Socket       `json:"sockets"` // that are new
}

// A Change names what was prepared.
type Change struct {
	Change int `json:"change"`
}

// An Answer says that a worker has done what it was told, or why it can't.
type Answer struct {
	Change int    `json:"change"` // negative: it is forgotten; Unread
	Error  string `json:"error,omitempty"`
}

// Unread stands for the Change of a Prepare whose body is lost.
const Unread = 0

// An Ask is somebody's wish to have the configuration loaded again.
type Ask struct {
	Ask int `json:"ask"` // numbers those of one worker
}

// A Told is how a reload went that a worker has asked for.
type Told struct {
	Ask     int     `json:"ask"`
	Outcome Outcome `json:"outcome"`
}

// An Outcome is how a reload went. Without an error all workers run with the new configuration, but for the keys in Restart; with one, nothing changed.
type Outcome struct {
	Applied  []string `json:"applied"`            // keys
	Restart  []string `json:"restart"`            // keys that are not applied, or not whole, until a restart
	Kept     []string `json:"kept"`               // addresses that are not configured any more, but listened on until then
	Problems []string `json:"problems,omitempty"` // what is wrong with the configuration
	Error    string   `json:"error,omitempty"`    // why it can't be applied now
}

// OK tells whether the configuration is applied.
func (o *Outcome) OK() bool { return len(o.Problems) == 0 && o.Error == "" }

// A Socket describes a listening socket that is handed over.
type Socket struct {
	Addr   string          `json:"addr"`
	Serves config.Protocol `json:"serves"`
	Scope  config.Scope    `json:"scope"`

	// Inherited says that it is one socket for all workers, which the server was started with (systemd's socket activation).
	Inherited bool `json:"inherited,omitempty"`
}

// A Stop asks a worker to end in order within a time.
type Stop struct {
	Within time.Duration `json:"within"`
}
