package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

type reloadCmd struct {
	serverFlags

	Timeout time.Duration `default:"30s" placeholder:"TIME" help:"How long to wait for the server (default: ${default})."`
}

// Help is what kong prints below the flags.
func (*reloadCmd) Help() string {
	return "Has the running server read its configuration again, as SIGHUP does, and waits for what becomes of it: all that has changed is applied, " +
		"or nothing. What only a restart can change is named.\n\n" +
		"Exit codes: 0 it is applied, 1 it is not: the reasons are printed, as check prints them."
}

func (c *reloadCmd) Run() error {
	client, err := c.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), c.Timeout, errors.New("--timeout"))
	defer cancel()
	done, err := client.Reload(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(done.Applied) > 0:
		fmt.Println("applied:", strings.Join(done.Applied, ", "))
	case len(done.Restart) == 0:
		fmt.Println("nothing has changed")
	}
	if len(done.Restart) > 0 {
		fmt.Println("not applied until a restart:", strings.Join(done.Restart, ", "))
	}
	if len(done.Kept) > 0 {
		fmt.Println("still listened on until a restart:", strings.Join(done.Kept, ", "))
	}
	return nil
}
