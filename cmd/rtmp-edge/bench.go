package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/bench"
)

type benchCmd struct {
	Publish benchPublishCmd `cmd:"" help:"Publish paced streams of H.264 and AAC, whose every byte can be verified."`
	Play    benchPlayCmd    `cmd:"" help:"Play streams with many players, a few of which verify every byte, order and latency."`
	Limit   benchLimitCmd   `cmd:"" help:"Measure what the kernel alone takes for as many bytes to as many sockets: no server can be cheaper."`
	Receive benchReceiveCmd `cmd:"" hidden:"" help:"The other end of limit; only that does this."`
}

// benchLoad is what the loads have in common.
type benchLoad struct {
	Duration time.Duration `default:"30s" help:"How long to measure, from when all have begun (default: ${default})."`
	PID      []int         `name:"pid" placeholder:"PID" help:"A process of the server, such as its master: its cost, and that of its children, is measured. May be repeated."`
	Anywhere bool          `help:"Also take addresses that are not this machine's. Load only servers that are yours."`
	JSON     string        `name:"json" placeholder:"FILE" help:"Write the result as JSON: - for the standard output, instead of the table."`
	Quiet    bool          `short:"q" help:"Show no progress."`
}

type benchPublishCmd struct {
	benchLoad

	URL          string        `arg:"" help:"Where to, such as rtmp://localhost/live/cam{n}: {n} is the stream's number, from 0. Without it, numbers of many streams are appended."`
	Streams      int           `default:"1" help:"How many streams (default: ${default})."`
	Bitrate      bench.Bitrate `default:"1M" help:"Of each stream, video and audio, in bits a second (default: ${default})."`
	AudioBitrate bench.Bitrate `help:"Of that, for the audio (default: 96k, or a quarter of what is small)."`
	FPS          int           `name:"fps" default:"30" help:"Video frames a second (default: ${default})."`
	GOP          time.Duration `name:"gop" default:"2s" help:"From keyframe to keyframe (default: ${default})."`
	Ramp         float64       `default:"100" help:"How many streams begin in a second (default: ${default})."`
}

func (c *benchPublishCmd) Run() error {
	ctx, stop := c.context()
	defer stop()
	r, err := bench.Publish(ctx, bench.PublishOptions{
		URL: c.URL, Streams: c.Streams, Ramp: c.Ramp, Duration: c.Duration,
		Format: bench.Format{Bitrate: c.Bitrate, AudioBitrate: c.AudioBitrate, FPS: c.FPS, GOP: c.GOP},
		Server: c.PID, Anywhere: c.Anywhere, Progress: c.progress(),
	})
	if r == nil {
		return err
	}
	return errors.Join(c.tell(r), err)
}

type benchPlayCmd struct {
	benchLoad

	URL      []string      `arg:"" help:"What to play, by RTMP, HTTP-FLV or WebSocket-FLV: addresses of the same streams, in which {n} is the stream's number, from 0."`
	Streams  int           `default:"1" help:"Over how many streams the players are spread (default: ${default})."`
	Players  int           `short:"n" default:"100" help:"How many players (default: ${default})."`
	Verify   int           `default:"10" placeholder:"K" help:"How many of them verify; the others discard (default: ${default})."`
	AnyStart bool          `help:"Streams need not begin with a keyframe."`
	Stalled  int           `default:"0" help:"How many more players stop reading after they began."`
	JoinRate float64       `default:"0" help:"How many more players begin in a second, and leave with their first keyframe."`
	Ramp     float64       `default:"200" help:"How many players begin in a second (default: ${default})."`
	WarmUp   time.Duration `default:"3s" help:"How long to play before measuring (default: ${default})."`
}

func (c *benchPlayCmd) Run() error {
	ctx, stop := c.context()
	defer stop()
	r, err := bench.Play(ctx, bench.PlayOptions{
		URLs: c.URL, Streams: c.Streams, Players: c.Players, Verify: c.Verify, AnyStart: c.AnyStart, Stalled: c.Stalled,
		JoinRate: c.JoinRate, Ramp: c.Ramp, WarmUp: c.WarmUp, Duration: c.Duration,
		Server: c.PID, Anywhere: c.Anywhere, Progress: c.progress(),
	})
	if r == nil {
		return err
	}
	return errors.Join(c.tell(r), err)
}

// context ends with the first signal; the result until then is told.
func (*benchLoad) context() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
}

func (b *benchLoad) progress() bench.Progress {
	if b.Quiet {
		return bench.Progress{}
	}
	return bench.Progress{To: os.Stderr, Terminal: isTerminal(os.Stderr)}
}

// tell prints the table, and writes JSON where it is wanted.
func (b *benchLoad) tell(r interface{ Table() string }) error {
	if b.JSON != "-" {
		if _, err := os.Stdout.WriteString(r.Table()); err != nil {
			return err
		}
	}
	if b.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if b.JSON == "-" {
		_, err = os.Stdout.Write(text)
		return err
	}
	if err := os.WriteFile(b.JSON, text, 0o644); err != nil { //nolint:gosec // a report, for everybody
		return fmt.Errorf("--json: %w", err)
	}
	return nil
}
