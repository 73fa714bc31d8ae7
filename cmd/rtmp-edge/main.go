// Command rtmp-edge is an RTMP live-streaming edge server: one master and many worker processes that behave as one server.
//
//	rtmp-edge                      run with the built-in defaults
//	rtmp-edge run -c FILE          run with a configuration
//	rtmp-edge check -c FILE        check a configuration
//	rtmp-edge sign -c FILE …       make a signed URL
//	rtmp-edge zone                 show the stream zone of the running server
//	rtmp-edge version
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/internal/version"
	"github.com/rtmp-edge/rtmp-edge/internal/worker"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Run the server (the default command)."`
	Check   checkCmd   `cmd:"" help:"Check a configuration file, and tell every problem in it."`
	Sign    signCmd    `cmd:"" help:"Make a signed URL, for an app that wants one."`
	Zone    zoneCmd    `cmd:"" help:"Show which worker has which stream, and check the memory that says so, of a running server."`
	Bench   benchCmd   `cmd:"" help:"Load and verify a server: how many viewers does this machine hold?"`
	Version versionCmd `cmd:"" help:"Print the version."`
	Worker  workerCmd  `cmd:"" hidden:"" help:"Run a worker process; only the master does that."`
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to end
	var c cli
	k := kong.Parse(&c, kong.Name("rtmp-edge"), kong.Description("RTMP live-streaming edge server."), kong.UsageOnError())
	if err := k.Run(); err != nil {
		complain(err)
		os.Exit(exitCode(err))
	}
}

// complain prints an error; problems of a configuration start with file and line, for editors to find.
func complain(err error) {
	if problems, ok := errors.AsType[config.Errors](err); ok {
		fmt.Fprintln(os.Stderr, problems)
		return
	}
	fmt.Fprintf(os.Stderr, "rtmp-edge: %v\n", err)
}

// Exit codes: 1 for a failure, 2 for findings in a zone, 3 when the end had to be forced.
func exitCode(err error) int {
	switch {
	case errors.Is(err, errZoneFindings):
		return 2
	case errors.Is(err, master.ErrKilled):
		return 3
	}
	return 1
}

type checkCmd struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"The configuration file."`
}

func (c *checkCmd) Run() error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	switch err := cfg.CheckFiles(); {
	case errors.Is(err, config.ErrNotValidNow):
		fmt.Fprintln(os.Stderr, "warning:", err)
	case err != nil:
		return err
	}
	fmt.Printf("%s: good: %d workers\n", c.Config, cfg.Workers.Count())
	return nil
}

type versionCmd struct{}

//nolint:unparam // as kong wants it
func (versionCmd) Run() error {
	fmt.Println("rtmp-edge", version.String())
	return nil
}

type workerCmd struct{}

func (workerCmd) Run() error { return worker.Run() }
