package api

import (
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// logWords are those that the log can be set to.
var logWords = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// A LogAnswer is the body of GET /api/v1/log.
type LogAnswer struct {
	Coverage
	Workers []LogLevel `json:"workers"`
}

// A LogLevel is the least that a worker logs.
type LogLevel struct {
	Worker int    `json:"worker"`
	Level  string `json:"level"`
}

// A LogRequest is the body of PUT /api/v1/log.
type LogRequest struct {
	Level string `json:"level"` // debug, info, warn, error
}

// A SetLogAnswer is the body of the answer to it.
type SetLogAnswer struct {
	Coverage
	Level   string       `json:"level"`
	Workers []LogOutcome `json:"workers"`
}

// A LogOutcome says whether that worker logs as it was told. Nothing was to do where it did so before.
type LogOutcome struct {
	WorkerOutcome
	Level string `json:"level,omitempty"` // absent where that is not known
}

// logResult is a worker's answer.
type logResult struct {
	Changed bool   `json:"changed"`
	Level   string `json:"level"`
}

func (a *API) logLevels(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[logResult](r.Context(), a, broadcast.Request{Path: pathLog})
	if nobody(w, cov) {
		return
	}
	out := LogAnswer{Coverage: *cov, Workers: make([]LogLevel, 0, len(all))}
	for _, s := range all {
		out.Workers = append(out.Workers, LogLevel{s.worker, s.data.Level})
	}
	ok(w, out)
}

func (a *API) setLogLevel(w http.ResponseWriter, r *http.Request) {
	var want LogRequest
	if !readJSON(w, r, &want) {
		return
	}
	if _, known := logWords[want.Level]; !known {
		badRequest(w, "level must be one of "+strings.Join(slices.Sorted(maps.Keys(logWords)), ", "))
		return
	}
	all, cov := askJSON[logResult](r.Context(), a, order(http.MethodPut, pathLog, url.Values{"level": {want.Level}}))
	if nobody(w, cov) {
		return
	}
	ok(w, SetLogAnswer{Coverage: *cov, Level: want.Level, Workers: outcomes(all, cov, func(s *said[logResult]) LogOutcome {
		return LogOutcome{WorkerOutcome{s.worker, doneIf(s.data.Changed)}, s.data.Level}
	}, func(o WorkerOutcome) LogOutcome { return LogOutcome{WorkerOutcome: o} })})
}

func (a *API) localLog(w http.ResponseWriter, _ *http.Request) {
	speak(w, a.self, logResult{Level: levelWord(a.opts.Local.LogLevel())})
}

func (a *API) localSetLog(w http.ResponseWriter, r *http.Request) {
	want := r.URL.Query().Get("level")
	level, known := logWords[want]
	if !known {
		badRequest(w, "there is no such level")
		return
	}
	before := a.opts.Local.LogLevel()
	a.opts.Local.SetLogLevel(level)
	if before != level {
		a.log.Warn("log level changed", "from", levelWord(before), "to", want) // a warning, so that it is seen at most levels
	}
	speak(w, a.self, logResult{Changed: before != level, Level: want})
}

func levelWord(l slog.Level) string { return strings.ToLower(l.String()) }
