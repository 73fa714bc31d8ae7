package main

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A zoneReport is what rtmp-edge zone tells. Its JSON is documented in docs/zone-command.md: fields may be added, and stay.
type zoneReport struct {
	RunDir       string       `json:"run_dir"`
	Master       zoneProcess  `json:"master"`
	Zone         *zoneCounts  `json:"zone,omitempty"` // absent when its header is damaged
	Slots        []zoneSlot   `json:"slots"`          // that were ever in use
	Streams      []zoneStream `json:"streams"`        // by name
	StreamsMore  int          `json:"streams_more"`   // not listed
	StreamsError string       `json:"streams_error,omitempty"`
	Check        *zoneCheck   `json:"check,omitempty"`      // absent when not asked for
	IdleCheck    *zoneCheck   `json:"idle_check,omitempty"` // absent when not asked for, or when check is not good
}

type zoneProcess struct {
	PID     int    `json:"pid"`
	Process string `json:"process"` // see master.ProcessState
}

type zoneCounts struct {
	Bytes    int64 `json:"bytes"`
	Buckets  int   `json:"buckets"`
	Capacity int   `json:"capacity"`
	NameMax  int   `json:"name_max"`
	Live     int   `json:"live"`
	Dead     int   `json:"dead"`
	Busy     int   `json:"busy"`
	Free     int   `json:"free"`
	Frozen   bool  `json:"frozen"`
}

type zoneSlot struct {
	Slot      int        `json:"slot"`
	Epoch     uint16     `json:"epoch"`
	Open      bool       `json:"open"`
	PID       int        `json:"pid"`     // 0: nobody has joined
	Process   string     `json:"process"` // see master.ProcessState; "": nobody has joined
	Since     *time.Time `json:"since"`   // null: nobody has joined
	Streams   int        `json:"streams"`
	Claims    uint64     `json:"claims"`
	Taken     uint64     `json:"taken"`
	Refused   uint64     `json:"refused"`
	Releases  uint64     `json:"releases"`
	Reclaimed uint64     `json:"reclaimed"`
}

type zoneStream struct {
	Name       string    `json:"name"`
	NameBase64 []byte    `json:"name_base64,omitempty"` // only of a name that is not UTF-8
	Slot       int       `json:"slot"`
	ID         string    `json:"id"`
	Born       time.Time `json:"born"`
}

// A zoneCheck is good when nothing was found.
type zoneCheck struct {
	Good     bool     `json:"good"`
	Findings []string `json:"findings"` // at most 32 are told
}

func newZoneCheck(found []string) *zoneCheck {
	return &zoneCheck{Good: len(found) == 0, Findings: append([]string{}, found...)} // no null in JSON
}

func newZoneReport(runDir string, pid int) *zoneReport {
	return &zoneReport{RunDir: runDir, Master: zoneProcess{pid, master.ProcessState(pid, master.AnyParent)}, Slots: []zoneSlot{}, Streams: []zoneStream{}}
}

// good tells whether nothing was found to be wrong.
func (r *zoneReport) good() bool {
	for _, c := range []*zoneCheck{r.Check, r.IdleCheck} {
		if c != nil && !c.Good {
			return false
		}
	}
	return r.StreamsError == ""
}

func (r *zoneReport) count(z *streamzone.Zone, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s := z.State()
	if s.Capacity == 0 {
		return streamzone.ErrMoved // State has no error
	}
	r.Zone = &zoneCounts{
		Bytes: info.Size(), Buckets: s.Buckets, Capacity: s.Capacity, NameMax: s.NameMax,
		Live: s.Live, Dead: s.Dead, Busy: s.Busy, Free: s.Free, Frozen: s.Frozen,
	}
	for _, slot := range s.Slots {
		out := zoneSlot{
			Slot: slot.Slot, Epoch: slot.Epoch, Open: slot.Open, PID: slot.PID, Streams: slot.Live,
			Claims: slot.Claims, Taken: slot.Taken, Refused: slot.Refused, Releases: slot.Releases, Reclaimed: slot.Reclaimed,
		}
		if slot.PID != 0 {
			out.Process = master.ProcessState(slot.PID, r.Master.PID)
		}
		if !slot.Since.IsZero() {
			since := slot.Since.UTC()
			out.Since = &since
		}
		r.Slots = append(r.Slots, out)
	}
	return nil
}

// list notes the first streams by name, at most so many unless that is negative.
func (r *zoneReport) list(z *streamzone.Zone, most int) error {
	all := 0
	err := z.Range(func(name string, e streamzone.Entry) bool {
		all++
		s := zoneStream{Name: name, Slot: e.Slot, ID: e.ID.String(), Born: e.Born.UTC()}
		if !utf8.ValidString(name) {
			s.NameBase64 = []byte(name)
		}
		r.Streams = append(r.Streams, s)
		if most >= 0 && len(r.Streams) > 2*most { // the zone may have millions: keep a few
			r.first(most)
		}
		return true
	})
	r.first(most)
	r.StreamsMore = all - len(r.Streams)
	if errors.Is(err, streamzone.ErrCorrupt) {
		r.StreamsError = err.Error()
		return nil
	}
	return err
}

// first sorts the streams and keeps so many.
func (r *zoneReport) first(most int) {
	slices.SortFunc(r.Streams, func(a, b zoneStream) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	if most >= 0 && len(r.Streams) > most {
		r.Streams = r.Streams[:most]
	}
}

// check examines the zone.
func (r *zoneReport) check(z *streamzone.Zone, idle bool) error {
	found, err := findings(z.Check())
	if err != nil {
		return err
	}
	r.Check = newZoneCheck(found)
	if !idle || len(found) > 0 { // what is damaged is never at rest
		return nil
	}
	if found, err = lastingFindings(z.CheckIdle); err != nil {
		return err
	}
	r.IdleCheck = newZoneCheck(found)
	return nil
}

const (
	idleLooks = 5
	idlePause = 100 * time.Millisecond
)

// lastingFindings is what every one of some looks finds. What was only in progress in one is over in the next; what a process was stopped in the
// middle of, or what nobody took back, is not.
func lastingFindings(look func() error) ([]string, error) {
	found, err := findings(look())
	for n := 1; n < idleLooks && err == nil && len(found) > 0; n++ {
		time.Sleep(idlePause)
		var now []string
		now, err = findings(look())
		found = slices.DeleteFunc(found, func(s string) bool { return !slices.Contains(now, s) })
	}
	return found, err
}

// findings takes the error of a check apart: a line for the whole, then one for each.
func findings(err error) ([]string, error) {
	if err == nil {
		return nil, nil
	}
	if !errors.Is(err, streamzone.ErrCorrupt) {
		return nil, err
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) > 1 {
		lines = lines[1:]
	}
	return lines, nil
}
