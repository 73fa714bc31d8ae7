package master

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/worker"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// TestMain makes this program a worker where a master of these tests starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == WorkerCommand {
		if kind := os.Getenv(fakeKind); kind != "" {
			os.Exit(fakeWorker(kind))
		}
		if err := worker.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const testWorkers = 3

// A runner is a master that runs with a configuration file, and real workers.
type runner struct {
	t      *testing.T
	m      *Master
	file   string
	log    *logBuffer
	cancel context.CancelFunc
	done   chan error
}

// newRunner makes a master of a configuration file with these sizes of the zone. It does not run yet.
func newRunner(t *testing.T, buckets, streams int) *runner {
	t.Helper()
	r := &runner{t: t, file: filepath.Join(shortDir(t), "rtmp-edge.yml"), log: &logBuffer{}, done: make(chan error, 1)}
	r.configure(buckets, streams, "")
	cfg, err := config.Load(r.file)
	if err != nil {
		t.Fatal(err)
	}
	r.m, err = New(Options{Config: cfg, ConfigFile: r.file, Logger: slog.New(slog.NewTextHandler(r.log, nil)), Executable: os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// configure writes the file, with more lines.
func (r *runner) configure(buckets, streams int, more string) {
	r.t.Helper()
	dir := filepath.Dir(r.file)
	r.write(fmt.Sprintf(`
workers: %d
run_dir: %s
shutdown_timeout: 5s
rtmp: {listen: ["unix:%s"]}
http: {listen: []}
log: {level: error}
stream_zone: {buckets: %d, streams: %d}
%s`, testWorkers, filepath.Join(dir, "run"), filepath.Join(dir, "rtmp.sock"), buckets, streams, more))
}

func (r *runner) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// run lets the master run; the test's end ends it.
func (r *runner) run() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- r.m.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-r.done; err != nil {
			r.t.Errorf("Run = %v", err)
		}
		if r.t.Failed() {
			r.t.Logf("log:\n%s", r.log)
		}
	})
}

// start is newRunner and run, until all workers are ready.
func start(t *testing.T, buckets, streams int) *runner {
	t.Helper()
	r := newRunner(t, buckets, streams)
	r.run()
	r.awaitLog("msg=ready", 1)
	return r
}

const soon = 20 * time.Second

func (r *runner) await(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(soon); !ok(); time.Sleep(5 * time.Millisecond) { // neither files nor logs have a bell
		if time.Now().After(end) {
			r.t.Fatalf("%s: not within %v", what, soon)
		}
	}
}

// awaitLog waits until n lines have all the words.
func (r *runner) awaitLog(words string, n int) {
	r.t.Helper()
	r.await(words, func() bool { return r.logged(words) >= n })
}

func (r *runner) logged(words string) (n int) {
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, words) {
			n++
		}
	}
	return n
}

// reload asks for a reload, and waits for what is logged of it.
func (r *runner) reload(words string) {
	r.t.Helper()
	before := r.logged(words)
	r.m.Reload()
	r.awaitLog(words, before+1)
}

// sizes checks what the master and all its workers work with.
func (r *runner) sizes(buckets, streams int) {
	r.t.Helper()
	running, err := OpenZone(r.m.config().RunDir)
	if err != nil {
		r.t.Fatal(err)
	}
	defer running.File.Close()
	linked, err := streamzone.Attach(running.File)
	if err != nil {
		r.t.Fatal(err)
	}
	defer linked.Close() //nolint:errcheck // it was only read
	for what, st := range map[string]streamzone.State{"the keeper's": r.m.keeper.Zone().State(), "the linked": linked.State()} {
		if st.Buckets != buckets || st.Capacity != streams || st.NameMax != config.Default().StreamZone.NameMax || st.Frozen {
			r.t.Errorf("%s zone has %d buckets for %d streams, names of %d, frozen: %v; want %d for %d",
				what, st.Buckets, st.Capacity, st.NameMax, st.Frozen, buckets, streams)
		}
	}
	r.m.exchange.RLock()
	defer r.m.exchange.RUnlock()
	if z := r.m.config().StreamZone; z.Buckets != buckets || z.Streams != streams {
		r.t.Errorf("workers that are started are told of %+v; want %d buckets for %d streams", z, buckets, streams)
	}
}

func (r *runner) pid(worker int) int {
	r.t.Helper()
	p := r.m.processes()[worker]
	if p == nil {
		r.t.Fatalf("worker %d does not run", worker)
	}
	return p.cmd.Process.Pid
}

func (r *runner) signal(pid int, sig syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		r.t.Fatalf("%v to %d: %v", sig, pid, err)
	}
}

// stop leaves a process alive but deaf. The signal takes effect a moment later, in one thread after the other.
func (r *runner) stop(pid int) {
	r.t.Helper()
	r.signal(pid, syscall.SIGSTOP)
	r.await("the stop of every thread", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			r.t.Fatalf("no threads of process %d: %v", pid, err)
		}
		return !slices.ContainsFunc(threads, func(file string) bool {
			stat, err := os.ReadFile(file)
			// The state stands behind the name, which is in parentheses (proc_pid_stat(5)).
			_, state, _ := strings.Cut(string(stat), ") ")
			return err != nil || !strings.HasPrefix(state, "T")
		})
	})
}

// hang lets the workers be such as never are ready.
func (r *runner) hang() {
	r.t.Helper()
	r.m.opts.Executable = filepath.Join(filepath.Dir(r.file), "hang")
	if err := os.WriteFile(r.m.opts.Executable, []byte("#!/bin/sh\n"+hang+"\n"), 0o700); err != nil { //nolint:gosec // it is to be executed
		r.t.Fatal(err)
	}
}
