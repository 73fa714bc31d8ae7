package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/internal/version"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

type runCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"The configuration file. Without one the built-in defaults hold: RTMP on port 1935, HTTP on 127.0.0.1:8080."`
}

func (r *runCmd) Run() error {
	cfg := config.Default()
	if r.Config != "" {
		var err error
		if cfg, err = config.Load(r.Config); err != nil {
			return err
		}
	}
	log := logging.New(os.Stderr, cfg.Log)
	m, err := master.New(master.Options{Config: cfg, Logger: log, Version: version.String(), Ready: greet(os.Stdout)})
	if err != nil {
		return err
	}
	return m.Run(untilSignal(m, log))
}

// untilSignal returns a context that ends with the first SIGTERM, SIGINT or SIGHUP; the second kills the workers.
func untilSignal(m *master.Master, log *slog.Logger) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		log.Info("signal: stopping in order", "signal", (<-signals).String())
		cancel()
		log.Warn("signal: stopping at once", "signal", (<-signals).String())
		m.Kill()
	}()
	return ctx
}

// greet tells a newcomer what to do next.
func greet(w io.Writer) func(*config.Config, int) {
	return func(cfg *config.Config, workers int) {
		var b strings.Builder
		fmt.Fprintf(&b, "\nrtmp-edge %s is ready: %s, one server.\n\n", version.String(), count(workers))
		if url := firstURL("rtmp", "1935", cfg.RTMP.Listen); url != "" {
			fmt.Fprintf(&b, "  publish   ffmpeg -re -i FILE -c:v libx264 -c:a aac -f flv %s/live/NAME\n", url)
			fmt.Fprintf(&b, "            OBS: Settings, Stream, Custom: server %s/live, stream key NAME\n", url)
			fmt.Fprintf(&b, "  play      ffplay %s/live/NAME\n", url)
		}
		if url := firstURL("http", "80", cfg.HTTP.Listen); url != "" {
			fmt.Fprintf(&b, "  look      curl %s/api/v1/streams\n", url)
		}
		b.WriteString("  stop      Ctrl-C\n\n")
		_, _ = io.WriteString(w, b.String()) // the server runs, whoever reads this
	}
}

func count(workers int) string {
	if workers == 1 {
		return "1 worker"
	}
	return strconv.Itoa(workers) + " workers"
}

// firstURL returns the address for clients on this machine of the first TCP address.
func firstURL(scheme, usual string, listen []multiport.Addr) string {
	for _, a := range listen {
		if a.Network != multiport.TCP {
			continue
		}
		host := a.Host
		if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
			host = "localhost"
		}
		if port := strconv.Itoa(a.Port); port != usual {
			return scheme + "://" + net.JoinHostPort(host, port)
		}
		if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	return ""
}
