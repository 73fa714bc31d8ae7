package deploytest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// worldly returns a folder that anybody may write to: VLC doesn't run as root.
func worldly(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "rtmp-edge-readme-") //nolint:usetesting // nobody else may enter its folders
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // it is for everybody
		t.Fatal(err)
	}
	return dir
}

// An outsider is a command of the README that runs in the root's network, with this machine's programs.
type outsider struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	stop func() // interrupts it, as Ctrl-C does, and waits
}

func (s *readmeSite) outside(line string) *outsider {
	s.t.Helper()
	o := &outsider{cmd: command(s.t, s.dir, "bash", "-c", "exec "+line)}
	o.cmd.Env = append(os.Environ(), "HOME="+s.dir, "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy")
	if strings.HasPrefix(line, "cvlc ") {
		const nobody = 65534
		o.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	o.cmd.Stdout, o.cmd.Stderr = &o.out, &o.out
	s.r.net(func() {
		if err := o.cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
	})
	o.stop = sync.OnceFunc(func() {
		_ = syscall.Kill(-o.cmd.Process.Pid, syscall.SIGINT)
		forced := time.AfterFunc(awaitTime/2, func() { _ = o.cmd.Cancel() })
		defer forced.Stop()
		_ = o.cmd.Wait()
	})
	return o
}
