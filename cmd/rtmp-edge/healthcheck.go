package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

type healthcheckCmd struct {
	serverFlags

	All     bool          `help:"All workers must answer, not one."`
	Ready   bool          `help:"Ask whether they take connections, not whether they live."`
	Timeout time.Duration `default:"3s" placeholder:"TIME" help:"How long they may take (default: ${default})."`
}

// Help is what kong prints below the flags.
func (*healthcheckCmd) Help() string {
	return "Asks each worker of the running server whether it lives, over its private socket. It reads no configuration unless -c is given.\n\n" +
		"Exit codes: 0 healthy, 1 not: no worker answered in time, or no server runs."
}

func (c *healthcheckCmd) Run() error {
	client, err := c.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	ask, word := client.Healthz, "live"
	if c.Ready {
		ask, word = client.Readyz, "ready"
	}
	h := ask(ctx, c.All)
	fmt.Printf("%d of %d workers are %s\n", h.Good, h.Workers, word)
	for _, worker := range slices.Sorted(maps.Keys(h.Errors)) {
		fmt.Println(" ", h.Errors[worker])
	}
	return h.Err(client, c.All)
}
