// Command rtmp-edge is an RTMP live-streaming edge server: one master and many worker processes that behave as one server.
//
//	rtmp-edge                      run with the built-in defaults
//	rtmp-edge run -c FILE          run with a configuration
//	rtmp-edge check -c FILE        check a configuration
//	rtmp-edge sign -c FILE …       make a signed URL
//	rtmp-edge zone                 show the stream zone of the running server
//	rtmp-edge reload               have it read its configuration again
//	rtmp-edge stat                 watch its streams and workers
//	rtmp-edge drain                have it take no new connections, and wait until nobody is left
//	rtmp-edge healthcheck          ask whether it is well
//	rtmp-edge bench …              load and verify a server
//	rtmp-edge completion SHELL     print a script for a shell
//	rtmp-edge version
//
// docs/commands.md describes them.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/internal/version"
	"github.com/rtmp-edge/rtmp-edge/internal/worker"
)

type cli struct {
	Run         runCmd         `cmd:"" default:"withargs" help:"Run the server (the default command)."`
	Check       checkCmd       `cmd:"" help:"Check a configuration, and tell every problem in it."`
	Sign        signCmd        `cmd:"" help:"Make a signed URL, for an app that wants one."`
	Zone        zoneCmd        `cmd:"" help:"Show which worker has which stream, and check the memory that says so, of a running server."`
	Reload      reloadCmd      `cmd:"" help:"Have the running server read its configuration again."`
	Stat        statCmd        `cmd:"" help:"Watch the running server: its streams and workers."`
	Drain       drainCmd       `cmd:"" help:"Have the running server take no new connections, and wait until nobody publishes or plays."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask whether the running server is well."`
	Bench       benchCmd       `cmd:"" help:"Load and verify a server: how many viewers does this machine hold?"`
	Completion  completionCmd  `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	Man         manCmd         `cmd:"" hidden:"" help:"Print the manual page, in roff."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	Worker      workerCmd      `cmd:"" hidden:"" help:"Run a worker process; only the master does that."`
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more is no reason to end
	var c cli
	parser := kong.Must(&c, kong.Name("rtmp-edge"), kong.Description("RTMP live-streaming edge server."), kong.UsageOnError())
	args := asMeant(os.Args[1:])
	if unknown(parser.Model.Node, args) { // kong would take it for an argument of run
		fmt.Fprintf(os.Stderr, "rtmp-edge: there is no command %q: rtmp-edge --help lists those there are\n", args[0])
		os.Exit(80) // as of all mistakes on the command line
	}
	k, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	if err := k.Run(); err != nil {
		complain(err)
		os.Exit(exitCode(err))
	}
}

// asMeant translates what people try first, as other programs have it.
func asMeant(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// unknown reports whether a command is named that there is not.
func unknown(all *kong.Node, args []string) bool {
	return len(args) > 0 && !strings.HasPrefix(args[0], "-") && !slices.ContainsFunc(all.Children, func(n *kong.Node) bool { return n.Name == args[0] })
}

// complain prints an error; problems of a configuration start with file and line, for editors to find.
func complain(err error) {
	if problems, ok := errors.AsType[config.Errors](err); ok {
		fmt.Fprintln(os.Stderr, problems)
		return
	}
	if refused, ok := errors.AsType[*ctl.StatusError](err); ok { // the same of a configuration that a running server refused
		for _, line := range refused.Lines() {
			fmt.Fprintln(os.Stderr, line)
		}
	}
	fmt.Fprintf(os.Stderr, "rtmp-edge: %v\n", err)
}

// Exit codes: 1 for a failure, 2 for findings in a zone, 3 when the end had to be forced, 4 when sessions were left of a drain; 78 (EX_CONFIG of
// sysexits.h) for a configuration that run can't start with, so that a supervisor need not try again.
func exitCode(err error) int {
	switch {
	case errors.As(err, new(configError)):
		return 78
	case errors.Is(err, errZoneFindings):
		return 2
	case errors.Is(err, master.ErrKilled):
		return 3
	case errors.Is(err, ctl.ErrLeft):
		return 4
	}
	return 1
}

type checkCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"The configuration file. Without one: the built-in defaults. The variables RTMPEDGE_… hold in any case."`
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
	fmt.Printf("%s: good: %d workers\n", cmp.Or(c.Config, "the environment"), cfg.Workers.Count())
	return nil
}

type versionCmd struct{}

//nolint:unparam // as kong wants it
func (versionCmd) Run() error {
	fmt.Println(version.Details())
	return nil
}

type workerCmd struct{}

func (workerCmd) Run() error { return worker.Run() }
