package master

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
)

// freePort finds one that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// outcome reloads, and returns what came of it.
func (r *runner) outcome() handover.Outcome {
	r.t.Helper()
	told := make(chan handover.Outcome, 1)
	r.m.reloadFor(func(o handover.Outcome) { told <- o })
	select {
	case o := <-told:
		return o
	case <-time.After(soon):
		r.t.Fatalf("no outcome within %v", soon)
		return handover.Outcome{}
	}
}

// added configures another value of a key, one more address for all workers, and one for each. It returns what counts those that are there.
func (r *runner) added() (dial func() (open int)) {
	r.t.Helper()
	dir := filepath.Dir(r.file)
	tcp := fmt.Sprint("127.0.0.1:", freePort(r.t))
	paths := []string{filepath.Join(dir, "own.0"), filepath.Join(dir, "own.1"), filepath.Join(dir, "own.2")}
	more := fmt.Sprintf("live: {gop_cache: false}\nmulti_listen: [{listen: \"unix:%s\", serves: rtmp}]", strings.TrimSuffix(paths[0], ".0"))
	dial = func() (open int) {
		for _, a := range append([]string{tcp}, paths...) {
			network := "unix"
			if a == tcp {
				network = "tcp"
			} else if _, err := os.Stat(a); err == nil {
				open++
			}
			if nc, err := net.Dial(network, a); err == nil {
				open++
				nc.Close()
			}
		}
		return open
	}
	r.configure(7, 10, more)
	text, err := os.ReadFile(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(strings.Replace(string(text), `rtmp.sock"]`, `rtmp.sock", "`+tcp+`"]`, 1))
	return dial
}

const allOpen = 1 + 2*testWorkers

// What one worker can't have, none gets: all that prepared forget it, and no new socket is left. The next reload goes on from there.
func TestOneWorkerRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, says string
		again      string // what the next one says
	}{
		{refuses, "a worker refuses the configuration: worker 1: " + fakeRefusal, "a worker refuses"},
		{isSilent, "a worker does not answer: worker 1, process ", "has not answered yet"},
		{answersLate, "a worker does not answer: worker 1, process ", "does not answer"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			r := newFakes(t, c.kind)
			was := r.m.config()
			dial := r.added()
			for i := range 2 {
				begun := time.Now()
				o := r.outcome()
				if says := []string{c.says, c.again}[i]; !strings.Contains(o.Error, says) || strings.Contains(o.Error, "worker 0") || o.OK() || len(o.Applied) > 0 {
					t.Errorf("attempt %d: %+v", i, o)
				}
				if took := time.Since(begun); took > settleTime+answerTime+5*time.Second {
					t.Errorf("attempt %d took %v", i, took)
				}
				if open := dial(); open > 0 {
					t.Errorf("attempt %d: %d of the new addresses are there", i, open)
				}
			}
			if r.m.config() != was || !was.Live.GOPCache || len(r.m.sockets.worker[0]) != 3 {
				t.Error("the master goes on with the new configuration")
			}
			want := "start 3 gop_cache=true, prepare 2, abort"
			if c.again != "has not answered yet" {
				want += ", prepare 2, abort"
			}
			for worker := range testWorkers {
				r.awaitHeard(worker, want)
			}
		})
	}
}

// One that dies is no matter: the others have it, and its successor is started with it.
func TestAWorkerDiesDuringAReload(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{diesFirst, diesThen} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newFakes(t, kind)
			dial := r.added()
			if o := r.outcome(); !o.OK() || len(o.Applied) != 3 {
				t.Errorf("%+v", o)
			}
			want := map[string]string{diesFirst: "prepare 2, ", diesThen: "prepare 2, commit, "}[kind]
			r.awaitHeard(1, "start 3 gop_cache=true, "+want+"start 5 gop_cache=false")
			r.awaitHeard(0, "start 3 gop_cache=true, prepare 2, commit")
			r.awaitHeard(2, "start 3 gop_cache=true, prepare 2, commit")
			if open := dial(); open != allOpen {
				t.Errorf("%d of the new addresses are there", open)
			}
			r.awaitLog("worker ready", testWorkers+1)
			r.configure(7, 10, "live: {play_wait: 1s}")
			if o := r.outcome(); !o.OK() || len(o.Kept) != 2 || len(o.Restart) != 2 {
				t.Errorf("and then: %+v", o)
			}
		})
	}
}

// Whoever asks is told, of a reload that began after they asked; many at once are few reloads.
func TestReloadTellsWhoAsks(t *testing.T) {
	t.Parallel()
	r := newFakes(t, behavesWell)
	r.configure(7, 10, "live: {gop_cache: false}")
	const many = 100
	told := make(chan handover.Outcome, many)
	for range many {
		r.m.reloadFor(func(o handover.Outcome) { told <- o })
	}
	applied := 0
	for range many {
		o := <-told
		if !o.OK() {
			t.Errorf("%+v", o)
		}
		if len(o.Applied) > 0 {
			applied++
		}
	}
	if n := r.logged("msg=reloading"); applied == 0 || n > many/2 {
		t.Errorf("%d are told of what is applied; %d reloads", applied, n)
	}
	r.write("live: [")
	if o := r.outcome(); len(o.Problems) != 1 || o.Error != "" || o.OK() {
		t.Errorf("%+v", o)
	}
	var text strings.Builder
	for i := range 3 * maxProblems {
		fmt.Fprintf(&text, "unknown%d: 1\n", i)
	}
	r.write(text.String())
	if o := r.outcome(); len(o.Problems) != maxProblems+1 || o.Problems[maxProblems] != fmt.Sprintf("… and %d more", 2*maxProblems) {
		t.Errorf("%d problems, the last: %s", len(o.Problems), o.Problems[len(o.Problems)-1])
	}
}

// More than may wait are told so at once.
func TestTooManyAskForAReload(t *testing.T) {
	t.Parallel()
	r := newRunner(t, 7, 10) // it does not run: nobody is served
	defer func() {
		r.run()
		r.awaitLog("msg=ready", 1)
	}()
	var refused, told atomic.Int32
	for range maxAsking + 7 {
		r.m.reloadFor(func(o handover.Outcome) {
			told.Add(1)
			if strings.Contains(o.Error, "too many") {
				refused.Add(1)
			}
		})
	}
	if refused.Load() != 7 || told.Load() != 7 {
		t.Errorf("%d are refused of %d that are told", refused.Load(), told.Load())
	}
}

// However often a reload is tried while a worker hangs, and however large the configuration is: the master does not wait for that worker, which is told
// no more than it can take.
func TestStoppedWorkerIsNotFlooded(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	stuck := r.pid(1)
	r.stop(stuck)
	var apps strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&apps, "  - {name: app%d, publish_secret: secret-number-%d-of-this-test}\n", i, i)
	}
	r.configure(7, 10, "apps:\n"+apps.String())
	ch, err := r.m.load()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	const often = 2000
	go func() {
		for range often {
			done <- r.m.apply(ch)
		}
		close(done)
	}()
	for i := range often {
		select {
		case err := <-done:
			if want := map[bool]error{true: errHangs, false: errDeaf}[i == 0]; !errors.Is(err, want) {
				t.Fatalf("attempt %d: %v, want %v", i, err, want)
			}
		case <-time.After(soon):
			t.Fatalf("attempt %d does not end", i)
		}
	}
	r.signal(stuck, syscall.SIGCONT)
	if o := r.outcome(); !o.OK() {
		t.Errorf("%+v", o)
	}
	if n := len(r.m.config().Apps); n != 3000 {
		t.Errorf("%d apps", n)
	}
}

// What is added is served by every worker, also by one that comes up later; what can't be bound changes nothing.
func TestReloadAddsAddresses(t *testing.T) {
	t.Parallel()
	r := start(t, 7, 10)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dial := r.added()
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	r.write(strings.Replace(string(text), "http: {listen: []}", fmt.Sprintf("http: {listen: [%q]}", taken.Addr()), 1))
	if o := r.outcome(); !strings.Contains(o.Error, "http.listen[0]") || !strings.Contains(o.Error, "in use") {
		t.Errorf("an address is taken: %+v", o)
	}
	if open := dial(); open > 0 || !r.m.config().Live.GOPCache {
		t.Errorf("%d of the new addresses are there", open)
	}
	r.write(string(text))
	if o := r.outcome(); !o.OK() || len(o.Applied) != 3 {
		t.Errorf("%+v", o)
	}
	if open := dial(); open != allOpen {
		t.Errorf("%d of the new addresses are there", open)
	}
	was := r.pid(1)
	r.signal(was, syscall.SIGKILL)
	r.awaitLog(`msg="worker ready" worker=1`, 2)
	answers := func() string {
		nc, err := net.Dial("unix", filepath.Join(filepath.Dir(r.file), "own.1"))
		if err != nil {
			return err.Error()
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(soon)); err != nil {
			return err.Error()
		}
		if _, err := nc.Write(append([]byte{3}, make([]byte, 1536)...)); err != nil { // C0 and C1 (RTMP 1.0 §5.2)
			return err.Error()
		}
		if _, err := nc.Read(make([]byte, 1)); err != nil {
			return err.Error()
		}
		return ""
	}
	if problem := answers(); problem != "" {
		t.Errorf("the new worker does not serve the added address: %s", problem)
	}
}

// As many addresses as no worker could be started with any more are refused.
func TestReloadRefusesTooManyAddresses(t *testing.T) {
	t.Parallel()
	r := newFakes(t, behavesWell)
	var listens []string
	for i := range handover.MaxFiles {
		listens = append(listens, fmt.Sprintf("{listen: \"unix:%s/n%d\", serves: rtmp}", filepath.Dir(r.file), i))
	}
	r.configure(7, 10, "multi_listen: ["+strings.Join(listens, ", ")+"]")
	if o := r.outcome(); !strings.Contains(o.Error, "too many addresses") {
		t.Errorf("%.300s", fmt.Sprintf("%+v", o))
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(r.file), "n*")); len(left) > 0 || err != nil {
		t.Errorf("%d sockets are left, %v", len(left), err)
	}
	r.configure(7, 10, "multi_listen: ["+strings.Join(listens[:handover.MaxFiles-4], ", ")+"]") // beside three and the zone
	if o := r.outcome(); !o.OK() {
		t.Errorf("%.300s", fmt.Sprintf("%+v", o))
	}
	r.signal(r.pid(2), syscall.SIGKILL)
	r.awaitLog(`msg="worker ready" worker=2`, 2)
}

// The configuration is read all the time by who starts and ends workers.
func TestConfigIsReadDuringReloads(t *testing.T) {
	t.Parallel()
	r := newFakes(t, behavesWell)
	stop := make(chan struct{})
	read := make(chan *config.Config)
	go func() {
		defer close(read)
		for {
			select {
			case <-stop:
				return
			case read <- r.m.config():
			}
		}
	}()
	for i := range 10 {
		r.configure(7, 10, fmt.Sprintf("live: {play_wait: %ds}\nshutdown_timeout: %ds", 1+i, 5+i))
		text, err := os.ReadFile(r.file)
		if err != nil {
			t.Fatal(err)
		}
		r.write(strings.Replace(string(text), "shutdown_timeout: 5s\n", "", 1))
		if i == 3 {
			r.signal(r.pid(0), syscall.SIGKILL)
		}
		if c := <-read; c.Live.PlayWait == 0 {
			t.Error("no configuration")
		}
		if o := r.outcome(); !o.OK() {
			t.Errorf("%+v", o)
		}
	}
	close(stop)
	for range read { // to its end
	}
	if got := r.m.config(); got.ShutdownTimeout != 14*time.Second || got.RunDir == "" || got.Workers != testWorkers {
		t.Errorf("%+v", got)
	}
	if r.m.Alive() != nil {
		t.Error(r.m.Alive())
	}
}
