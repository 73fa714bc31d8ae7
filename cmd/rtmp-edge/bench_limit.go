package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/bench"
)

type benchLimitCmd struct {
	Duration time.Duration `default:"10s" help:"How long to measure (default: ${default})."`
	Players  int           `short:"n" default:"500" help:"How many sockets (default: ${default})."`
	Bitrate  bench.Bitrate `default:"1M" help:"To each, in bits a second (default: ${default})."`
	Flush    time.Duration `default:"100ms" help:"The interval in which each gets one system call (default: ${default})."`
	Mode     string        `enum:"send,writev,sendfile" default:"send" help:"The system call: send, writev or sendfile (default: ${default})."`
	JSON     string        `name:"json" placeholder:"FILE" help:"Write the result as JSON: - for the standard output, instead of the table."`
}

func (c *benchLimitCmd) Run() error {
	load := benchLoad{JSON: c.JSON}
	ctx, stop := load.context()
	defer stop()
	r, err := bench.Limit(ctx, bench.LimitOptions{
		Players: c.Players, Bitrate: c.Bitrate, Flush: c.Flush, Mode: c.Mode, Duration: c.Duration, Receiver: receiver,
	})
	if r == nil {
		return err
	}
	return errors.Join(load.tell(r), err)
}

// receiver is this program again, so that its cost is not measured.
func receiver(ctx context.Context, address, players string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "bench", "receive", address, players)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // Ctrl-C is for us
	return cmd
}

type benchReceiveCmd struct {
	Address string `arg:""`
	Players int    `arg:""`
}

func (c *benchReceiveCmd) Run() error {
	return bench.Receive(context.Background(), c.Address, c.Players)
}
