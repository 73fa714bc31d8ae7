package statview

import (
	"context"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

// A Look asks a server once. It is called by one goroutine, again and again, also after an error.
type Look func(context.Context) (*ctl.Status, error)

// A result is what came of a look.
type result struct {
	status *ctl.Status
	err    error
}

// A View is what a terminal shows of a server. Everything but the looking is done by one goroutine, the one of Run.
type View struct {
	model *model
	tabs  [2]tab
	tab   int

	err   error // of the last look
	lost  time.Time
	help  bool
	typed *string // the filter, while it is typed
}

// A tab is a table, and what of it is on the screen.
type tab struct {
	rows   rows
	top    int   // the first row
	height int   // rows that fit, when it was drawn last
	widths []int // of columns: they grow and do not shrink, so that nothing jumps
}

// rows is a list of any type.
type rows interface {
	heading() string
	count() (shown, all int)
	order() (column int, reverse bool)
	describe() []heading
	row(i int) []string
	next()
	turn()
	pick(words string)
}

// NewView returns a view of nothing yet.
func NewView() *View {
	m := newModel()
	return &View{model: m, tabs: [2]tab{{rows: &m.streams}, {rows: &m.workers}}}
}

const (
	// lookTime bounds one look.
	lookTime = 10 * time.Second
	// redraw is how often what tells of time is drawn again.
	redraw = time.Second
)

// Run shows what the looks find, on a screen that is initialised, until a key ends it or ctx does. It leaves the screen finished.
func (v *View) Run(ctx context.Context, screen tcell.Screen, look Look, interval time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	var started sync.WaitGroup
	defer started.Wait()
	defer screen.Fini()
	defer cancel()
	events, quit, looks := make(chan tcell.Event), make(chan struct{}), make(chan result)
	defer close(quit)
	started.Go(func() { screen.ChannelEvents(events, quit) })
	started.Go(func() { lookOn(ctx, look, interval, looks) })
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		v.draw(screen, time.Now())
		select {
		case e := <-events:
			if e == nil || v.handle(e, screen) {
				return
			}
		case r := <-looks:
			v.take(r, time.Now())
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookOn looks until ctx ends.
func lookOn(ctx context.Context, look Look, interval time.Duration, to chan<- result) {
	for {
		begun := time.Now()
		within, cancel := context.WithTimeout(ctx, lookTime)
		status, err := look(within)
		cancel()
		select {
		case to <- result{status, err}:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pause(interval, time.Since(begun))):
		case <-ctx.Done():
			return
		}
	}
}

// pause is how long to wait behind a look that took so long, to look at each interval; but looking must not be what the server is busy with.
func pause(interval, took time.Duration) time.Duration {
	return max(interval-took, min(interval, took))
}

// take shows what a look found. What was found before stays when it failed.
func (v *View) take(r result, now time.Time) {
	if v.err = r.err; r.err != nil {
		if v.lost.IsZero() {
			v.lost = now
		}
		return
	}
	v.lost = time.Time{}
	v.model.set(r.status)
}
