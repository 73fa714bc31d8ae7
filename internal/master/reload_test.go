package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A worker that is started after a resize joins the new zone, with the new sizes in its configuration.
func TestReloadGivesTheZoneOtherSizes(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	r.sizes(7, 10)
	for i, sizes := range [][2]int{{101, 1000}, {1, 1}, {7, 5}} {
		r.configure(sizes[0], sizes[1], "")
		r.reload(fmt.Sprintf(`msg="stream zone resized" buckets=%d streams=%d`, sizes[0], sizes[1]))
		r.sizes(sizes[0], sizes[1])
		r.reload("reload: nothing changed")

		was := r.pid(i)
		r.signal(was, syscall.SIGKILL)
		r.await("a successor that joined", func() bool {
			slots := r.m.keeper.Zone().State().Slots
			return slots[i].Open && slots[i].PID != 0 && slots[i].PID != was
		})
		r.sizes(sizes[0], sizes[1])
	}
	r.awaitLog(`msg="worker ready"`, testWorkers+3)
	if n := r.logged("level=ERROR"); n != 3 { // worker died
		t.Errorf("%d errors", n)
	}
}

func TestReloadRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	for _, c := range []struct {
		name, text string
		problems   []string
	}{
		{"two problems", "stream_zone: {streams: 0, bukets: 3}", []string{":1: stream_zone.streams: 0 is out of range", ":1: stream_zone.bukets: unknown key"}},
		{"not YAML", "stream_zone: [", []string{"not YAML"}},
		{"a certificate that is not there", "rtmp: {tls: {cert: /nowhere/c.pem, key: /nowhere/k.pem}}\nstream_zone: {streams: 20}", []string{"rtmp.tls.cert: "}},
	} {
		before := r.logged("reload refused, nothing changes")
		r.write(c.text)
		r.m.Reload()
		r.awaitLog("reload refused, nothing changes", before+len(c.problems))
		for _, p := range c.problems {
			if r.logged(p) != 1 {
				t.Errorf("%s: %q is not logged", c.name, p)
			}
		}
		r.sizes(7, 10)
	}
	r.write("# being written\n")
	r.reload("the file is empty, so nothing is applied")
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	r.reload("no such file")
	r.configure(1<<24, 1<<24-2, "") // each is possible, both together are not
	r.reload("reload: nothing is applied: put that right")
	r.sizes(7, 10)
	r.configure(7, 20, "")
	r.reload("stream zone resized")
	r.sizes(7, 20)
}

// What is applied is named, and so is, each time, what the server does not run with; nothing is told of values.
func TestReloadNamesWhatItAppliesAndWhatNot(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	r.configure(7, 10, "apps: [{name: live, play_secret: confidential-of-16-bytes}]\nlive: {play_wait: 1s}")
	r.reload(`msg="reload: applied" keys="apps[0], live.play_wait"`)
	r.configure(8, 10, "apps: [{name: live, play_secret: confidential-of-16-bytes}]\nlive: {play_wait: 1s}")
	r.reload("msg=\"reload: applied\" keys=stream_zone.buckets")
	if strings.Contains(r.log.String(), "confidential") {
		t.Error("a secret is in the log")
	}
	r.reload("reload: nothing changed")
	r.configure(9, 10, "")
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	r.write(strings.Replace(string(text), "streams: 10", "streams: 10, name_max: 64", 1))
	r.reload(`msg="reload: not applied until a restart" keys=stream_zone.name_max`)
	r.awaitLog(`msg="reload: applied" keys="stream_zone.buckets, apps[0], live.play_wait"`, 1)
	r.sizes(9, 10)
	r.reload(`msg="reload: not applied until a restart" keys=stream_zone.name_max`)
}

// The run folder, which is locked as long as the server runs, is where a hardened unit lets it make sockets.
func TestReloadListensInTheRunFolder(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	r.configure(7, 10, fmt.Sprintf("multi_listen: [{listen: \"unix:%s\", serves: rtmp}]", filepath.Join(filepath.Dir(r.file), "run", "more")))
	r.reload("msg=\"reload: applied\" keys=multi_listen")
	dir, err := os.Open(filepath.Join(filepath.Dir(r.file), "run"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("flock = %v: systemd-tmpfiles would remove the link", err)
	}
}

// A worker is either started in the old zone, and follows, or in the new one.
func TestNoWorkerStartsDuringAResize(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	r.m.exchange.RLock() // as if one were starting
	r.configure(7, 20, "")
	r.reload("msg=reloading")
	stays(t, func() bool { return r.logged("stream zone resized") == 0 })
	r.m.exchange.RUnlock()
	r.awaitLog("stream zone resized", 1)
	r.sizes(7, 20)

	r.m.exchange.Lock() // as if the zone were being exchanged
	was := r.pid(1)
	r.signal(was, syscall.SIGKILL)
	r.awaitLog("worker died", 1)
	stays(t, func() bool { return !r.m.keeper.Zone().State().Slots[1].Open })
	if p := r.m.processes()[1]; p != nil {
		t.Error("the dead worker would be told of the next zone")
	}
	r.m.exchange.Unlock()
	r.awaitLog(`msg="worker ready" worker=1`, 2)
}

// stays checks that something is so, and is so a moment later.
func stays(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if !so() {
			t.Fatal("it did not wait")
		}
	}
}

// A worker that is stopped is not waited for for ever. While it has not answered it is not sent more; then it follows.
func TestReloadWithAStoppedWorker(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	stuck := r.pid(1)
	r.stop(stuck)
	r.configure(7, 20, "")
	begun := time.Now()
	r.reload("reload: nothing is applied: see why the worker hangs")
	if took := time.Since(begun); took > 2*resizeTime+time.Second {
		t.Errorf("it took %v to refuse", took)
	}
	r.sizes(7, 10)
	r.reload(fmt.Sprintf("worker 1, process %d", stuck))
	r.sizes(7, 10)
	r.m.Reload()
	r.signal(stuck, syscall.SIGCONT)
	r.awaitLog("stream zone resized", 1)
	r.sizes(7, 20)
	if r.pid(1) != stuck {
		t.Error("the worker was replaced")
	}
}

// However many are asked for during one reload, one follows.
func TestReloadsDuringAReloadAreOne(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	stuck := r.pid(0)
	r.stop(stuck)
	r.configure(7, 20, "")
	r.reload("msg=reloading")
	for range 100 {
		r.m.Reload()
	}
	r.signal(stuck, syscall.SIGCONT)
	r.awaitLog("stream zone resized", 1)
	r.awaitLog("msg=reloading", 2)
	r.configure(7, 30, "")
	r.reload("stream zone resized")
	if n := r.logged("msg=reloading"); n > 3 {
		t.Errorf("%d reloads", n)
	}
}

// The end of the server does not wait for a reload that waits for a worker.
func TestStopDuringAReload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ready bool // the workers; else they never will be
	}{{"that waits for a stopped worker", true}, {"that waits for starting workers", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRunner(t, 7, 10)
			r.m.config().ShutdownTimeout = 100 * time.Millisecond
			if !c.ready {
				r.hang()
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() { r.done <- r.m.Run(ctx) }()
			if c.ready {
				r.awaitLog("msg=ready", 1)
				r.stop(r.pid(2))
			} else {
				awaitPIDs(t, r.m.opts.Executable+".pids", testWorkers)
			}
			r.configure(7, 20, "")
			r.reload("msg=reloading")
			begun := time.Now()
			cancel()
			if err := <-r.done; !errors.Is(err, ErrKilled) {
				t.Errorf("Run = %v", err)
			}
			if took := time.Since(begun); took > resizeTime {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// Asked for before any worker is up, or while one that never will be is started.
func TestReloadWhileWorkersStart(t *testing.T) {
	t.Parallel()
	r := newRunner(t, 7, 10)
	r.configure(7, 20, "")
	r.m.Reload()
	r.run()
	r.awaitLog("stream zone resized", 1)
	r.awaitLog("msg=ready", 1)
	r.sizes(7, 20)
}

func TestReloadWithoutAllWorkers(t *testing.T) {
	t.Parallel()
	r := newRunner(t, 7, 10)
	r.m.config().ShutdownTimeout = 100 * time.Millisecond
	r.hang()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { r.done <- r.m.Run(ctx) }()
	awaitPIDs(t, r.m.opts.Executable+".pids", testWorkers)
	r.configure(7, 20, "")
	r.reload("reload: nothing is applied: reload again when all workers are up")
	cancel()
	if err := <-r.done; !errors.Is(err, ErrKilled) {
		t.Errorf("Run = %v", err)
	}
}
