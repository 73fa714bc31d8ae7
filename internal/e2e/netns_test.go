package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Of a client whose network is cut nothing is heard, not even its end. How long its session and its stream's name are kept is configured; the test
// measures it. Networks are namespaces: one in which the servers are, made for this test, and one for each client.
func TestNetnsCut(t *testing.T) {
	if os.Getenv(envNetwork) != "" {
		loopbackUp(t)
		for i, c := range cuts {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.test(t, newNetwork(t, i+1))
			})
		}
		return
	}
	t.Parallel()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatalf("%v: the test makes networks with it (Debian: iproute2)", err)
	}
	again(t, syscall.CLONE_NEWNET, envNetwork+"=own")
}

// again runs the calling test in a process with namespaces of its own, which finds that in its environment.
func again(t *testing.T, namespaces uintptr, env string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.parallel=8", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), env, envBinary+"="+serverBinary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if os.Getuid() != 0 { // root in a namespace of users can do it as well, where the system lets users have those
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in namespaces of its own, for which one must be root: %v", err)
	}
	t.Logf("%s", out)
}

// A cutCase is a way to be cut off.
type cutCase struct {
	name   string
	rtmp   string // settings
	live   string
	within time.Duration // what the settings promise
	reason string        // of the session's end
	// client has a client do something from the network, and returns its address and what tells whether it is still there.
	client func(t *testing.T, s *server, n *network, addr string) (remote string, gone func() string)
}

// What a loaded machine may add to a promise.
const cutSlack = 3 * time.Second

var cuts = []cutCase{
	{
		"publisher, idle_timeout", "idle_timeout: 2s, keepalive: 0s, user_timeout: 0s", "",
		2 * time.Second, "idle", cutPublisher,
	},
	{
		"publisher, keepalive", "idle_timeout: 60s, keepalive: 1s, user_timeout: 0s", "",
		4 * time.Second, "lost", cutPublisher, // one second of silence, three probes
	},
	{
		"player, stall_timeout", "keepalive: 0s, user_timeout: 60s", "stall_timeout: 2s",
		4 * time.Second, "stalled", cutPlayer((*publisher).goThick),
	},
	{
		"player of a thin stream, user_timeout", "keepalive: 0s, user_timeout: 6s", "stall_timeout: 1s",
		7 * time.Second, "lost", cutPlayer((*publisher).goThin),
	},
	{
		"waiting player, keepalive and user_timeout", "keepalive: 1s, user_timeout: 6s", "stall_timeout: 1s, play_wait: 60s",
		7 * time.Second, "lost", cutWaiting,
	},
}

const cutStream = "live/cut"

// test lets a client in from a network, cuts it, and measures how long it takes the server to notice.
func (c *cutCase) test(t *testing.T, n *network) {
	var addr string
	s := startOn(t, options{workers: 2, rtmp: c.rtmp, live: c.live}, 2, func(base int, opt *options) {
		addr = fmt.Sprintf("%s:%d", n.near, base)
		opt.multiListen = []string{fmt.Sprintf("listen: %q, serves: rtmp", addr)}
	})
	remote, gone := c.client(t, s, n, addr)
	n.cut()
	began := time.Now()
	waitFor(t, c.within+2*soon, "the end of a client that is cut off", gone)
	took := time.Since(began)
	t.Logf("%s: free after %.1fs, with %s %s", c.name, took.Seconds(), c.rtmp, c.live)
	if took > c.within+cutSlack {
		t.Errorf("free after %v, not within %v", took, c.within)
	}
	if line := s.endOf(t, remote); !containsAll(line, "reason="+c.reason+" ") {
		t.Errorf("logged: %s", line)
	}
}

// cutPublisher is gone when its name can be published again.
func cutPublisher(t *testing.T, s *server, n *network, addr string) (remote string, gone func() string) {
	p, _ := n.from(addr).goLive(t, cutStream)
	viewer := play(t, s.rtmpURL(1, cutStream))
	viewer.awaitRun(soon, p.source.run)
	viewer.awaitMore(soon, 50)
	t.Cleanup(func() { p.conn.Close() }) // so that nobody waits for its last write
	return p.conn.NetConn().LocalAddr().String(), func() string {
		_, err := dialPublish(t, s.rtmpURL(1, cutStream))
		if code := statusCode(err); err != nil && code != rtmp.CodePublishBadName {
			t.Fatal(err)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	}
}

// cutPlayer is gone when the server has one player less. One that is not cut off stays.
func cutPlayer(send func(p *publisher)) func(t *testing.T, s *server, n *network, addr string) (remote string, gone func() string) {
	return func(t *testing.T, s *server, n *network, addr string) (remote string, gone func() string) {
		send(publish(t, s.rtmpURL(1, cutStream)))
		there := play(t, s.rtmpURL(0, cutStream))
		far, remote := n.play(addr, cutStream)
		for _, v := range []*player{there, far} {
			v.awaitMore(soon, 5)
		}
		return remote, func() string {
			there.check()
			return s.playersBeside(cutStream, 1)
		}
	}
}

// goThick sends so much that the buffers of a player who is cut off are full at once.
func (p *publisher) goThick() {
	p.source.bitrate(8_000_000)
	p.goLive()
}

// goThin sends so little that they don't fill.
func (p *publisher) goThin() {
	p.headers()
	p.source.keySize, p.source.interSize = recordMinSize, recordMinSize
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if m, _ := p.source.next(); p.write(m) != nil {
				return
			}
		}
	}()
	p.t.Cleanup(func() {
		close(stop)
		<-done
	})
}

// cutWaiting is one of two players that wait.
func cutWaiting(t *testing.T, s *server, n *network, addr string) (remote string, gone func() string) {
	there := play(t, s.rtmpURL(0, cutStream))
	_, remote = n.play(addr, cutStream)
	s.awaitPlayers(t, cutStream, 2)
	return remote, func() string {
		there.check()
		return s.playersBeside(cutStream, 1)
	}
}

// playersBeside says whether a stream has more players than some.
func (s *server) playersBeside(stream string, some int) string {
	info, _, err := s.stream(shared, stream)
	switch {
	case err != nil:
		return err.Error()
	case info.Players > some:
		return fmt.Sprintf("%d players", info.Players)
	default:
		return ""
	}
}
