package api

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// fakeControl are a worker's sessions, and what it was told to do.
type fakeControl struct {
	controlMu    sync.Mutex
	sessions     []Session
	sessionsSeen int // how often somebody asked for them
	level        slog.Level
	draining     bool
	drains       []bool
	drainErr     error
	reloads      int
	reloaded     Reload
	reloadErr    error
	onDrain      func() // called when it is told to drain, before it does
}

// describe adds what changes to a worker's description.
func (f *fakeControl) describe(info WorkerInfo) WorkerInfo {
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	if f.draining {
		info.State = WorkerDraining
	}
	return info
}

// Sessions has them in no order.
func (f *fakeControl) Sessions() []Session {
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	f.sessionsSeen++
	out := slices.Clone(f.sessions)
	slices.Reverse(out)
	return out
}

func (f *fakeControl) KickPlayers(app, name string) int {
	return f.remove(func(s *Session) bool { return s.App == app && s.Name == name && s.Role == "player" })
}

func (f *fakeControl) KickSession(id string) bool {
	return f.remove(func(s *Session) bool { return s.ID == id }) > 0
}

func (f *fakeControl) remove(which func(*Session) bool) int {
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	n := len(f.sessions)
	f.sessions = slices.DeleteFunc(f.sessions, func(s Session) bool { return which(&s) })
	return n - len(f.sessions)
}

func (f *fakeControl) Reload(context.Context) (Reload, error) {
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	f.reloads++
	return f.reloaded, f.reloadErr
}

func (f *fakeControl) Drain(on bool) error {
	if on && f.onDrain != nil {
		f.onDrain()
	}
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	f.drains = append(f.drains, on)
	if f.drainErr == nil {
		f.draining = on
	}
	return f.drainErr
}

func (f *fakeControl) LogLevel() slog.Level {
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	return f.level
}

func (f *fakeControl) SetLogLevel(l slog.Level) {
	f.controlMu.Lock()
	defer f.controlMu.Unlock()
	f.level = l
}
