package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v2"
	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
	"github.com/rtmp-edge/rtmp-edge/internal/statview"
)

type statCmd struct {
	serverFlags

	URL       string        `xor:"server" placeholder:"http://HOST:PORT" help:"A server elsewhere, over its http.listen."`
	TokenFile string        `placeholder:"FILE" help:"With --url: a file with that server's http.token."`
	Once      bool          `help:"Print it once, as plain text. So it is when the standard output is no terminal."`
	JSON      bool          `name:"json" help:"Print it once, as JSON, for programs."`
	Interval  time.Duration `default:"1s" placeholder:"TIME" help:"How often to look (default: ${default})."`
	Streams   int           `default:"1000" placeholder:"N" help:"How many streams to ask for, by name: 0 for none, -1 for all (default: ${default})."`
}

// Help is what kong prints below the flags.
func (*statCmd) Help() string {
	return "Shows the streams and the workers of a running server, every second, until q is pressed; ? tells what other keys do. " +
		"When the server goes away, it says so, and goes on when the server is back.\n\n" +
		"Exit codes: 0 shown, 1 no server runs, or no worker answers."
}

// onceTime bounds a look without a terminal.
const onceTime = 30 * time.Second

func (c *statCmd) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	look, err := c.look()
	if err != nil {
		return err
	}
	if c.Once || c.JSON || !isTerminal(os.Stdout) {
		return c.once(ctx, look)
	}
	screen, err := tcell.NewScreen()
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return fmt.Errorf("the terminal can't be used (TERM=%q): set TERM to what it is, or use --once: %w", os.Getenv("TERM"), err)
	}
	statview.NewView().Run(ctx, screen, look, c.Interval)
	return nil
}

func (c *statCmd) once(ctx context.Context, look statview.Look) error {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	s, err := look(ctx)
	if err != nil {
		return err
	}
	out := statview.Text(s)
	if c.JSON {
		if out, err = asciiJSON(s); err != nil {
			return err
		}
	}
	if _, err = os.Stdout.Write(out); errors.Is(err, syscall.EPIPE) { // as of head
		return nil
	}
	return err
}

// look returns what looks at the server: after a failure, at the one that runs then. The first error is told at once.
func (c *statCmd) look() (statview.Look, error) {
	client, err := c.connect()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*ctl.Status, error) {
		if client == nil {
			if client, err = c.connect(); err != nil {
				return nil, err
			}
		}
		s, err := client.Status(ctx, c.Streams)
		if err != nil {
			client.Close()
			client = nil
		}
		return s, err
	}, nil
}

func (c *statCmd) connect() (*ctl.Client, error) {
	switch {
	case c.URL == "" && c.TokenFile != "":
		return nil, errors.New("--token-file is for --url: a server of this machine wants no token")
	case c.URL == "":
		return c.open()
	case c.TokenFile == "":
		return ctl.Remote(c.URL, "")
	}
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	return ctl.Remote(c.URL, strings.TrimRight(string(token), "\r\n"))
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
