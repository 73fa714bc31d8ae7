package api

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// fakeDropIn is a worker's clients, as a test says.
type fakeDropIn struct {
	clientMu   sync.Mutex
	clients    []Client
	totals     Totals
	dropped    []string // sessions
	redirected []string // "session name"
	refusal    string   // of redirects
}

func (f *fakeDropIn) Clients() []Client {
	f.clientMu.Lock()
	defer f.clientMu.Unlock()
	return slices.Clone(f.clients)
}

func (f *fakeDropIn) Totals() Totals {
	f.clientMu.Lock()
	defer f.clientMu.Unlock()
	return f.totals
}

func (f *fakeDropIn) KickClients(clients []Client) int {
	f.clientMu.Lock()
	defer f.clientMu.Unlock()
	for _, c := range clients {
		f.dropped = append(f.dropped, c.Session)
	}
	return len(clients)
}

func (f *fakeDropIn) Redirect(_ context.Context, clients []Client, name string) (int, error) {
	f.clientMu.Lock()
	defer f.clientMu.Unlock()
	if f.refusal != "" {
		return 0, errors.New(f.refusal)
	}
	for _, c := range clients {
		f.redirected = append(f.redirected, c.Session+" "+name)
	}
	return len(clients), nil
}

// calls returns what was done, and forgets it.
func (f *fakeDropIn) calls() []string {
	f.clientMu.Lock()
	defer f.clientMu.Unlock()
	out := slices.Concat(f.dropped, f.redirected)
	f.dropped, f.redirected = nil, nil
	return out
}
