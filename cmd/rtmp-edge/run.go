package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/internal/systemd"
	"github.com/rtmp-edge/rtmp-edge/internal/version"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

type runCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"The configuration file. Without one the built-in defaults hold: RTMP on port 1935, HTTP on 127.0.0.1:8080."`
}

func (r *runCmd) Run() error {
	if err := standAlone(); err != nil {
		return err
	}
	sd, err := systemd.FromEnvironment()
	if err != nil {
		return configError{err}
	}
	svc := &service{systemd: sd, log: slog.Default()}
	if err = r.run(svc); err != nil {
		svc.failed(err)
	}
	return err
}

// run runs the server as this service.
func (r *runCmd) run(svc *service) error {
	cfg, err := config.Load(r.Config)
	if err != nil {
		return configError{err}
	}
	small()
	level := new(slog.LevelVar)
	level.Set(cfg.Log.SlogLevel())
	log := logging.New(os.Stderr, cfg.Log, level)
	svc.log = log
	stops, reloads := signals(r.Config != "")
	m, err := master.New(master.Options{
		Config: cfg, ConfigFile: r.Config, Logger: log, LogLevel: level, Version: version.String(), Ready: greet(os.Stdout),
		Watcher: svc, Inherited: svc.systemd.Sockets,
	})
	if errors.Is(err, systemd.ErrUnused) {
		return configError{err}
	}
	if err != nil {
		return err
	}
	return svc.watched(m, func() error { return m.Run(untilStop(m, log, stops, reloads)) })
}

// A configError says that it is the configuration, or the unit, that the server does not start with. The exit code tells it: to try again is in vain.
type configError struct{ error }

// Unwrap returns what is wrong with it.
func (e configError) Unwrap() error { return e.error }

// small keeps the master's Go runtime from preparing for all cores: they are the workers'. GOMAXPROCS in the environment wins.
func small() {
	const enough = 2
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(enough, runtime.GOMAXPROCS(0)))
	}
}

// signals returns what SIGTERM and SIGINT come by, and what SIGHUP does: without a configuration file to read again it is one of the others.
func signals(file bool) (stops, reloads chan os.Signal) {
	stops, reloads = make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	if file {
		signal.Notify(reloads, syscall.SIGHUP)
	} else {
		signal.Notify(stops, syscall.SIGHUP)
	}
	return stops, reloads
}

// untilStop returns a context that ends with the first signal to stop; the second kills the workers.
func untilStop(m *master.Master, log *slog.Logger, stops, reloads <-chan os.Signal) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			select {
			case <-reloads:
				m.Reload()
			case s := <-stops:
				log.Info("signal: stopping in order", "signal", s.String())
				cancel()
			}
		}
		log.Warn("signal: stopping at once", "signal", (<-stops).String())
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
			fmt.Fprintf(&b, "  look      %s/console/ in a browser, or curl %s/api/v1/streams\n", url, url)
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
