package worker

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
)

// Asks are those of this worker to the master that wait for its word.
type asks struct {
	control *handover.Conn // static

	mu      sync.Mutex
	asked   int                           // how many there were; guarded by mu, as is what follows
	owed    int                           // how many the master has not answered
	waiting map[int]chan handover.Outcome // of each a place for one outcome
}

func newAsks(control *handover.Conn) *asks {
	return &asks{control: control, waiting: map[int]chan handover.Outcome{}}
}

// maxOwed is how many asks the master may owe an answer: as many as fit the socket, if this process should hang meanwhile.
const maxOwed = 32

// reload asks for a reload and waits for its outcome.
func (a *asks) reload(ctx context.Context) (handover.Outcome, error) {
	id, told := a.begin()
	if told == nil {
		return handover.Outcome{Error: "too many wait for a reload already: wait for them"}, nil
	}
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, id)
	}()
	if err := a.control.Send(handover.KindAsk, handover.Ask{Ask: id}); err != nil {
		return handover.Outcome{}, err
	}
	select {
	case o := <-told:
		return o, nil
	case <-ctx.Done():
		return handover.Outcome{}, ctx.Err()
	}
}

// begin numbers an ask, and returns where its outcome comes; nil if there are too many.
func (a *asks) begin() (id int, told chan handover.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.owed >= maxOwed {
		return 0, nil
	}
	a.asked++
	a.owed++
	told = make(chan handover.Outcome, 1)
	a.waiting[a.asked] = told
	return a.asked, told
}

// told passes the master's word on to who waits for it.
func (a *asks) told(m *handover.Message) error {
	var t handover.Told
	if !m.Lost { // else nobody knows whom it was for: who asked waits in vain
		if err := json.Unmarshal(m.Body, &t); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owed--
	if told := a.waiting[t.Ask]; told != nil {
		told <- t.Outcome
		delete(a.waiting, t.Ask)
	}
	return nil
}

// Reload implements api.Local.
func (l local) Reload(ctx context.Context) (api.Reload, error) {
	o, err := l.w.asks.reload(ctx)
	return api.Reload(o), err
}
