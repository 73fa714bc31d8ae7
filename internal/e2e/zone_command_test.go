package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// An operator sees who has what, whatever hangs or dies.
func TestZoneCommand(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	s.goLive(t, 0, "live/one")
	s.goLive(t, 2, "live/two")

	both := map[string]int{"live/one": 0, "live/two": 2}
	r, err := s.zoneReport(0)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.owners(); fmt.Sprint(got) != fmt.Sprint(both) || r.Zone.Live != 2 || r.Check == nil || !r.Check.Good {
		t.Errorf("two streams live: %+v", r)
	}
	gotPIDs, states := r.processes()
	if !slices.Equal(gotPIDs, pids) || slices.ContainsFunc(states, func(state string) bool { return state != "running" }) {
		t.Errorf("workers %v %v, not %v", gotPIDs, states, pids)
	}
	if r.Master.PID != s.cmd.Process.Pid || r.Master.Process != "running" || r.RunDir != s.runDir {
		t.Errorf("of %s: %+v", r.RunDir, r.Master)
	}
	code, text, stderr, err := zoneCommand("-c", filepath.Join(s.dir, "rtmp-edge.yml"))
	if err != nil || code != 0 || stderr != "" {
		t.Errorf("exit code %d, %q, %v", code, stderr, err)
	}
	for _, words := range []string{
		"zone 20011 buckets, capacity 10000 streams, names to 1024 bytes", "streams 2 live, 0 dead, 0 busy, 9998 free",
		fmt.Sprintf("0 1 open %d running", pids[0]), fmt.Sprintf("2 1 open %d running", pids[2]), "s live/one", "s live/two", "check: good",
	} {
		if !hasLine(text, words) {
			t.Errorf("no %q in\n%s", words, text)
		}
	}

	s.zoneAfterKill(t, pids)
	s.zoneOfStopped(t)
	s.zoneOfDeadMaster(t)
}

// zoneAfterKill kills worker 0: its successor shows, and its stream does not.
func (s *server) zoneAfterKill(t *testing.T, pids []int) {
	t.Helper()
	killWorker(t, pids[0])
	waitFor(t, soon, "worker 0's successor", func() string {
		r, err := s.zoneReport(0)
		if err != nil {
			return err.Error()
		}
		now, states := r.processes()
		if now[0] == 0 || now[0] == pids[0] || states[0] != "running" || !slices.Equal(now[1:], pids[1:]) {
			return fmt.Sprintf("workers %v %v, they were %v", now, states, pids)
		}
		if got := r.owners(); len(got) != 1 || got["live/two"] != 2 {
			return fmt.Sprintf("streams %v", got)
		}
		if r.Zone.Live != 1 || r.Slots[0].Epoch != 3 {
			return fmt.Sprintf("%d live, slot 0 has epoch %d", r.Zone.Live, r.Slots[0].Epoch)
		}
		return ""
	})
}

// zoneOfStopped stops every process of the server. Nobody answers any more, but the command does.
func (s *server) zoneOfStopped(t *testing.T) {
	t.Helper()
	all := append(s.pids(t), s.cmd.Process.Pid)
	for _, pid := range all {
		stopWorker(t, pid)
	}
	r, err := s.zoneReport(0, "--idle")
	if err != nil {
		t.Fatal(err)
	}
	if _, states := r.processes(); !slices.Equal(states, []string{"stopped", "stopped", "stopped", "stopped"}) || r.Master.Process != "stopped" {
		t.Errorf("workers are %v, the master is %s", states, r.Master.Process)
	}
	if got := r.owners(); len(got) != 1 || got["live/two"] != 2 {
		t.Errorf("streams %v", got)
	}
	for _, pid := range all {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// zoneOfDeadMaster kills the master. Its link stays, and leads to nothing; the next one replaces it.
func (s *server) zoneOfDeadMaster(t *testing.T) {
	t.Helper()
	s.signal(syscall.SIGKILL)
	waitClosed(t, soon, "the master's end", s.exited)
	zoneFails(t, "no server runs with run_dir "+s.runDir, "--run-dir="+s.runDir)
	waitClosed(t, soon, "the end of every worker", s.log.ended)
	if _, err := os.Readlink(filepath.Join(s.runDir, "zone")); err != nil {
		t.Errorf("a killed master leaves its link: %v", err)
	}

	s.exec(s.cmd.Args[1:]...)
	s.log.wait(t, 2*soon, "msg=ready", 1)
	r, err := s.zoneReport(0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Master.PID != s.cmd.Process.Pid || len(r.Streams) != 0 {
		t.Errorf("the next server: %+v", r)
	}
	s.stop()
	zoneFails(t, "no server runs with run_dir "+s.runDir, "--run-dir="+s.runDir)
	if left, err := os.ReadDir(s.runDir); err != nil || len(left) != 0 { // the folder was there already
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A run folder that the server made is removed at the end, link and all.
func TestZoneLinkRemoved(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 1})
	if _, err := s.zoneReport(0); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if _, err := os.Lstat(s.runDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the run folder is left: %v", err)
	}
}

// Damage gives exit code 2, and a finding that says where.
func TestZoneCommandDamage(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	_, sending := s.goLive(t, 1, "live/damaged-name")
	f, err := os.OpenFile(filepath.Join(s.runDir, "zone"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	memory, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	name := bytes.Index(memory, []byte("live/damaged-name"))
	if name < 0 {
		t.Fatal("the name is not in the memory")
	}
	for _, c := range []struct {
		where   string
		at      int
		finding string
	}{
		{"the name", name + len("live/"), `"live/eamaged-name"`},
		{"the header", 24, "checksum"},
	} {
		write := func(b byte) {
			t.Helper()
			if _, err := f.WriteAt([]byte{b}, int64(c.at)); err != nil {
				t.Fatal(err)
			}
		}
		write(memory[c.at] ^ 1)
		r, err := s.zoneReport(2)
		_, text, stderr, textErr := zoneCommand("--run-dir=" + s.runDir)
		write(memory[c.at])
		if err != nil || textErr != nil {
			t.Fatal(err, textErr)
		}
		if r.Check.Good || !strings.Contains(strings.Join(r.Check.Findings, "\n"), c.finding) {
			t.Errorf("damage of %s: %+v", c.where, r.Check)
		}
		if !strings.Contains(text, "check: DAMAGED\n") || !strings.Contains(text, c.finding) || !strings.Contains(stderr, "not all is well") {
			t.Errorf("damage of %s: %s%s", c.where, text, stderr)
		}
	}
	if _, err := s.zoneReport(0, "--idle"); err != nil {
		t.Error(err)
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
}

// Whoever is neither the server's user nor root sees nothing, also when the folder is open by mistake.
func TestZoneCommandOfOthers(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	s := start(t, options{workers: 1})
	program := filepath.Join(s.dir, "rtmp-edge")
	text, err := os.ReadFile(serverBinary)
	if err == nil {
		err = os.WriteFile(program, text, 0o755) //nolint:gosec // it is to be executed, by others
	}
	if err != nil {
		t.Fatal(err)
	}
	open := func(dir string) {
		t.Helper()
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // that is the case to be tested
			t.Fatal(err)
		}
	}
	try := func(says string) {
		t.Helper()
		cmd := exec.Command(program, "zone", "--run-dir="+s.runDir)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		code, stdout, stderr, err := finishCommand(cmd)
		if err != nil {
			t.Fatalf("as another user, for which one must be root: %v", err)
		}
		if code != 1 || stdout != "" || !strings.Contains(stderr, says) {
			t.Errorf("exit code %d, %q, %q; expected to hear %q", code, stdout, stderr, says)
		}
	}
	open(s.dir)
	try("permission denied: be the server's user, or root")
	open(s.runDir)
	try("try it as root")
}

// A server without run_dir is found, unless there is more than one.
func TestZoneCommandFindsServers(t *testing.T) {
	temp := shortTempDir(t)
	t.Setenv("TMPDIR", temp)
	zoneFails(t, "no server runs")
	first := launchWithoutRunDir(t)
	code, text, stderr, err := zoneCommand()
	if err != nil || code != 0 || !hasLine(text, fmt.Sprintf("master %d running", first.cmd.Process.Pid)) {
		t.Errorf("one server: exit code %d, %s%s, %v", code, text, stderr, err)
	}
	code, text, stderr, err = zoneCommand("-c", filepath.Join(first.dir, "rtmp-edge.yml"))
	if err != nil || code != 0 || !hasLine(text, fmt.Sprintf("master %d running", first.cmd.Process.Pid)) {
		t.Errorf("by its configuration: exit code %d, %s%s, %v", code, text, stderr, err)
	}
	launchWithoutRunDir(t)
	zoneFails(t, "2 servers run: choose one with --run-dir=DIR:\n  "+temp)
	_, _, stderr, err = zoneCommand()
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(stderr, ":\n")
	dirs := strings.Fields(list)
	if len(dirs) != 2 {
		t.Fatalf("%q", stderr)
	}
	for _, dir := range dirs {
		if code, text, stderr, err := zoneCommand("--run-dir", dir); err != nil || code != 0 || !strings.Contains(text, dir) {
			t.Errorf("%s: exit code %d, %s%s, %v", dir, code, text, stderr, err)
		}
	}
}

// While the zone is resized again and again, everybody who looks sees a whole zone with the stream in it.
func TestZoneCommandDuringResize(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	_, sending := s.goLive(t, 3, "live/moved")
	r, err := s.zoneReport(0)
	if err != nil {
		t.Fatal(err)
	}
	id := r.Streams[0].ID

	done := make(chan struct{})
	var looking sync.WaitGroup
	var looks int
	looking.Go(func() {
		for ; ; looks++ {
			select {
			case <-done:
				return
			default:
			}
			r, err := s.zoneReport(0)
			if err != nil {
				t.Errorf("look %d: %v", looks, err)
				return
			}
			if len(r.Streams) != 1 || r.Streams[0].Name != "live/moved" || r.Streams[0].Slot != 3 || r.Streams[0].ID != id {
				t.Errorf("look %d: %+v", looks, r)
				return
			}
		}
	})
	for n := range 8 {
		size := sizes{buckets: 101 + n, streams: 50 + n}
		s.resize(t, size)
		r, err := s.zoneReport(0)
		if err != nil {
			t.Fatal(err)
		}
		if got := (sizes{r.Zone.Buckets, r.Zone.Capacity}); got != size {
			t.Errorf("it has %v, not %v", got, size)
		}
	}
	close(done)
	looking.Wait()
	if looks < 8 {
		t.Errorf("%d looks only", looks)
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
}
