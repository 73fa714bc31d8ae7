package statview

import (
	"slices"
	"strconv"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

// A workerRow is a worker, or why one did not answer.
type workerRow struct {
	api.WorkerInfo
	up     time.Duration
	reason string // "" of one that answered
}

// workerRows lists all workers that there should be.
func workerRows(s *ctl.Status) []workerRow {
	rows := make([]workerRow, 0, len(s.Workers.Workers)+len(s.Workers.Errors))
	for _, w := range s.Workers.Workers {
		rows = append(rows, workerRow{WorkerInfo: w, up: s.Time.Sub(w.Started)})
	}
	for _, e := range s.Workers.Errors {
		rows = append(rows, workerRow{WorkerInfo: api.WorkerInfo{Worker: e.Worker}, reason: word(e.Reason)})
	}
	slices.SortStableFunc(rows, func(a, b workerRow) int { return a.Worker - b.Worker })
	return rows
}

// workerColumns are the table of workers. What is wrong is last: it may be long.
var workerColumns = []column[workerRow]{
	{title: "WORKER", text: func(w *workerRow) string { return strconv.Itoa(w.Worker) }, compare: up(func(w *workerRow) int { return w.Worker })},
	told(figure("PID", 2, func(w *workerRow) int { return w.PID }, strconv.Itoa)),
	told(figure("UP", 0, func(w *workerRow) time.Duration { return w.up }, Age)),
	told(figure("RESTARTS", 4, func(w *workerRow) int { return w.Restarts }, strconv.Itoa)),
	told(figure("CPU", 0, func(w *workerRow) float64 { return w.Load.CPU }, percent)),
	told(figure("MEMORY", 3, func(w *workerRow) float64 { return float64(w.Load.RSS) }, size)),
	told(figure("SESSIONS", 5, func(w *workerRow) int { return w.Sessions }, strconv.Itoa)),
	told(figure("PUBLISHERS", 1, func(w *workerRow) int { return w.Publishers }, strconv.Itoa)),
	told(figure("PLAYERS", 0, func(w *workerRow) int { return w.Players }, strconv.Itoa)),
	told(figure("IN", 0, func(w *workerRow) float64 { return w.Load.BitrateIn }, rate)),
	told(figure("OUT", 0, func(w *workerRow) float64 { return w.Load.BitrateOut }, rate)),
	{title: "STATE", left: true, text: state, compare: by(state)},
}

// told is a column of what only a worker that answered tells.
func told(c column[workerRow]) column[workerRow] {
	text := c.text
	c.text = func(w *workerRow) string {
		if w.reason != "" {
			return none
		}
		return text(w)
	}
	return c
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + "%" }

func state(w *workerRow) string {
	if w.reason != "" {
		return "no answer: " + w.reason
	}
	return word(string(w.State))
}
