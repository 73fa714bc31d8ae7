package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// errZoneFindings makes the exit code 2. What was found has been printed.
var errZoneFindings = errors.New("not all is well in the zone: the report says what was found")

// A resize takes the zone away under our feet; the master links its successor within milliseconds.
const (
	zoneMoveTime  = 2 * time.Second
	zoneMovePause = 20 * time.Millisecond
)

type zoneCmd struct {
	serverFlags

	Streams int  `default:"100" placeholder:"N" help:"How many streams to list, by name: 0 for none, -1 for all (default: ${default})."`
	Check   bool `default:"true" negatable:"" help:"Look for damage (default)."`
	Idle    bool `help:"Look also for what should not last: a name half claimed or half released."`
	JSON    bool `name:"json" help:"Print JSON, for programs."`
}

// Help is what kong prints below the flags.
func (*zoneCmd) Help() string {
	return "Shows the stream zone of a running server: which worker process has which stream. It reads the shared memory and asks no process, " +
		"so it also works when all of them hang. Only the server's user and root may do that.\n\n" +
		"Exit codes: 0 all is well, 1 the zone can't be read (no server runs), 2 something was found to be wrong."
}

func (c *zoneCmd) Run() error {
	dir, err := c.runDir()
	if err != nil {
		return err
	}
	r, err := c.settled(dir)
	if err != nil {
		return err
	}
	if err := r.print(os.Stdout, c.JSON); err != nil && !errors.Is(err, syscall.EPIPE) { // as of head
		return err
	}
	if !r.good() {
		return errZoneFindings
	}
	return nil
}

// settled is look, again while the zone moves.
func (c *zoneCmd) settled(dir string) (*zoneReport, error) {
	for begun := time.Now(); ; time.Sleep(zoneMovePause) {
		r, err := c.look(dir)
		moving := errors.Is(err, streamzone.ErrMoved) || errors.Is(err, master.ErrZoneMoving)
		switch {
		case !moving:
			return r, err
		case time.Since(begun) > zoneMoveTime:
			return nil, fmt.Errorf("%w (for %v: see whether the master logged why)", err, zoneMoveTime)
		}
	}
}

// look reads all there is to tell. Damage is no error but part of the report.
func (c *zoneCmd) look(dir string) (*zoneReport, error) {
	running, err := master.OpenZone(dir)
	if err != nil {
		return nil, err
	}
	defer running.File.Close()
	r := newZoneReport(dir, running.MasterPID)
	z, err := streamzone.Attach(running.File)
	if errors.Is(err, streamzone.ErrCorrupt) {
		r.Check = newZoneCheck([]string{err.Error()})
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer z.Close() //nolint:errcheck // it was read only
	if err := r.count(z, running.File); err != nil {
		return nil, err
	}
	if err := r.list(z, c.Streams); err != nil {
		return nil, err
	}
	if c.Check || c.Idle {
		if err := r.check(z, c.Idle); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// print writes the report in one piece.
func (r *zoneReport) print(w io.Writer, asJSON bool) error {
	out := r.text()
	if asJSON {
		var err error
		if out, err = r.json(); err != nil {
			return err
		}
	}
	_, err := w.Write(out)
	return err
}
