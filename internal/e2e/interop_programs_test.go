package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// needs fails the test when a program is missing.
func needs(t testing.TB, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v (`make clients` installs what the tests need)", err)
		}
	}
}

// interrupt ends a program as Ctrl-C does. Some call that an error.
func interrupt(p *process) {
	p.t.Helper()
	p.mustRun()
	p.signal(os.Interrupt)
	waitClosed(p.t, soon, "the end of the interrupted "+p.name, p.done)
}

// gstreamer runs a pipeline, to whose end it sends the end of the stream when it is interrupted.
func gstreamer(t testing.TB, pipeline string) *process {
	t.Helper()
	return run(t, "gst-launch-1.0", append([]string{"-e"}, strings.Fields(pipeline)...)...)
}

// vlc runs VLC without a user interface until it has played the address. It refuses to be root: then it is nobody.
func vlc(t testing.TB, home, url string, options ...string) *process {
	t.Helper()
	needs(t, "env", "cvlc")
	command := []string{"env", "-i", "PATH=" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8", "cvlc", url, "vlc://quit"}
	if os.Geteuid() == 0 {
		needs(t, "setpriv")
		command = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, command...)
	}
	command = append(command, options...)
	return run(t, command[0], command[1:]...)
}

// vlcHome is a folder that vlc may write to.
func vlcHome(t testing.TB) string {
	t.Helper()
	const nobody = 65534
	dir := shortTempDir(t)
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startXvfb starts an X server without a screen, and returns its display.
func startXvfb(t testing.TB) string {
	t.Helper()
	x := run(t, "Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp")
	t.Cleanup(func() { // killed, it would leave its socket and lock behind
		x.signal(syscall.SIGTERM)
		waitClosed(t, soon, "the end of Xvfb", x.done)
	})
	number := regexp.MustCompile(`(?m)^\d+$`)
	var display string
	waitFor(t, 2*soon, "the display of Xvfb", func() string {
		x.mustRun()
		display = number.FindString(x.out.String())
		if display == "" {
			return fmt.Sprintf("it said %q", x.out.String())
		}
		return ""
	})
	return ":" + display
}
