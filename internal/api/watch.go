package api

import (
	"log/slog"
	"sync"
)

// watch logs when a worker stops answering and when it answers again, not every time that it is asked.
type watch struct {
	log *slog.Logger

	mu     sync.Mutex
	silent map[int]string // worker → reason
}

func newWatch(log *slog.Logger) *watch {
	return &watch{log: log, silent: make(map[int]string)}
}

// see compares a Coverage with what was known. A request that the asker gave up says nothing about workers.
func (w *watch) see(c *Coverage) {
	now := make(map[int]WorkerError, len(c.Errors))
	for _, e := range c.Errors {
		if e.Reason == "canceled" || e.Reason == "closed" {
			return
		}
		now[e.Worker] = e
	}
	w.mu.Lock()
	var failed []WorkerError
	var back []int
	for worker, e := range now {
		if w.silent[worker] != e.Reason {
			w.silent[worker] = e.Reason
			failed = append(failed, e)
		}
	}
	for worker := range w.silent {
		if _, still := now[worker]; !still {
			delete(w.silent, worker)
			back = append(back, worker)
		}
	}
	w.mu.Unlock()

	for _, e := range failed {
		w.log.Warn("worker does not answer", "peer", e.Worker, "reason", e.Reason, "detail", e.Detail)
	}
	for _, worker := range back {
		w.log.Info("worker answers again", "peer", worker)
	}
}
