package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

type drainCmd struct {
	serverFlags

	Timeout time.Duration `default:"5m" placeholder:"TIME" help:"How long to wait for the sessions to end (default: ${default})."`
	Wait    bool          `default:"true" negatable:"" help:"Wait for the sessions to end (default)."`
	Undo    bool          `help:"Have the workers take connections again."`
}

// Help is what kong prints below the flags.
func (*drainCmd) Help() string {
	return "Has all workers take no new connections on the ports of RTMP and the shared ones of HTTP, and waits until nobody publishes or plays any more. " +
		"Nobody is sent away. A worker that is started meanwhile is drained, too, as long as the command waits.\n\n" +
		"Exit codes: 0 nobody is left, or the server has ended, 1 a failure, 4 the time was up before: the workers stay drained."
}

// changeTime is how long a drain without waiting, or its undoing, may take.
const changeTime = 30 * time.Second

func (c *drainCmd) Run() error {
	client, err := c.open()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if c.Undo || !c.Wait {
		ctx, cancel := context.WithTimeout(ctx, changeTime)
		defer cancel()
		return client.SetDrain(ctx, !c.Undo)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	said := ""
	err = client.Drain(ctx, func(s *ctl.DrainState) {
		if now := progress(s); now != said {
			fmt.Println(now)
			said = now
		}
	})
	if err == nil {
		fmt.Println("nobody is left")
	}
	return err
}

// progress is a line about how far a drain has come.
func progress(s *ctl.DrainState) string {
	line := fmt.Sprintf("%d of %d workers drained; left: %d publish, %d play", s.Draining, s.Workers, s.Publishers, s.Players)
	if err := errors.Join(s.Silent...); err != nil {
		line += "; " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return line
}
