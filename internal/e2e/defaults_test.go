package e2e

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// envNetwork says that this process is a test that was started again in a network of its own.
const envNetwork = "RTMP_EDGE_E2E_NETWORK"

// Without a configuration the server takes RTMP on 1935 and HTTP on 127.0.0.1:8080, with one worker per CPU and a run
// folder of its own, and says what to publish and play; SIGHUP ends it. As these ports may be taken, the test runs in a network namespace,
// where it may make one.
func TestBuiltInDefaults(t *testing.T) {
	if os.Getenv(envNetwork) != "" {
		t.Run("own network", testDefaults)
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^TestBuiltInDefaults$", "-test.v")
	again.Env = append(os.Environ(), envNetwork+"=own", envBinary+"="+serverBinary)
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := again.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Logf("no network namespace (%v): with the ports of this one", err)
		testDefaults(t)
		return
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func testDefaults(t *testing.T) {
	if os.Getenv(envNetwork) != "" {
		loopbackUp(t)
	}
	temp := shortTempDir(t)
	t.Setenv("TMPDIR", temp) // where the server makes its run folder
	s := &server{t: t, opt: options{workers: runtime.NumCPU(), shutdownTimeout: 2 * shutdownTimeout}, dir: temp, runDir: temp}
	s.exec()
	t.Cleanup(s.report)
	t.Cleanup(s.kill)
	s.log.wait(t, 2*soon, "msg=ready", 1)

	hint := regexp.MustCompile(`rtmp://[^\s"']+`)
	for _, line := range s.log.find("(?i)publish.*rtmp://") {
		t.Log(line)
	}
	urls := hint.FindAllString(s.log.String(), -1)
	if len(urls) == 0 || len(s.log.find("(?i)publish")) == 0 || len(s.log.find("(?i)play")) == 0 {
		t.Fatalf("the server does not say what to publish and play:\n%s", s.log)
	}
	for _, u := range urls {
		if !strings.HasPrefix(u, "rtmp://127.0.0.1/") && !strings.HasPrefix(u, "rtmp://localhost/") &&
			!strings.HasPrefix(u, "rtmp://127.0.0.1:1935/") && !strings.HasPrefix(u, "rtmp://localhost:1935/") {
			t.Errorf("%s is not where the server listens", u)
		}
	}
	publisher := publish(t, "rtmp://127.0.0.1:1935/live/stream")
	publisher.goLive()
	viewer := play(t, "rtmp://127.0.0.1:1935/live/stream")
	viewer.awaitRun(soon, publisher.source.run)

	response, err := httpClient.Get("http://127.0.0.1:8080/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	s.signal(syscall.SIGHUP) // the terminal's: there is no file that could be read again
	s.waitStopped(s.opt.shutdownTimeout + soon)
	if entries, err := os.ReadDir(temp); err != nil || len(entries) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", entries, err)
	}
}

// loopbackUp switches on the loopback interface of a new network namespace.
func loopbackUp(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // It was only opened to carry the ioctl.
	request, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatal(err)
	}
}
