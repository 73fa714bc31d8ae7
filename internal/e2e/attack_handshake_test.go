package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// raw is an attack of bytes without a handshake.
func raw(text string) func(*attacker) error {
	return each(func(w *wire) error {
		w.send([]byte(text))
		<-w.ended
		w.a.saw("bytes answered", int(w.received)) // the reader has ended
		return nil
	})
}

var handshakeTrials = []trial{
	{row: 3, name: "HTTP", reason: "handshake", kind: "handshake", script: raw("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), seen: unanswered},
	{row: 3, name: "TLS", reason: "handshake", kind: "handshake", script: raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), seen: unanswered},
	{row: 3, name: "RTMPE", reason: "handshake", kind: "handshake", script: raw("\x06" + string(make([]byte, 1536))), seen: unanswered},
	{row: 3, name: "SSH", reason: "handshake", kind: "handshake", script: raw("SSH-2.0-OpenSSH_9.2\r\n"), seen: unanswered},
	{row: 3, name: "zeros", reason: "handshake", kind: "handshake", script: raw(string(make([]byte, 64<<10))), seen: unanswered},
	{row: 3, name: "half a C1", reason: "handshake", kind: "handshake", seen: unanswered, script: each(func(w *wire) error {
		w.send(c0c1c2()[:700])
		w.half()
		return nil
	})},
}

var unanswered = map[string]int{"bytes answered": 0}

// Nobody keeps a connection without getting to the point: each step has a total deadline, whatever trickles in.
var slowTrials = []trial{
	{
		row: 1, name: "silence", reason: "timeout", kind: "handshake_timeout", after: rtmp.DefaultHandshakeTimeout,
		script: each(func(*wire) error { return nil }),
	},
	{
		row: 2, name: "a handshake by the byte", reason: "timeout", kind: "handshake_timeout", after: rtmp.DefaultHandshakeTimeout,
		script: each(func(w *wire) error {
			w.trickle(c0c1c2())
			return nil
		}),
	},
	{
		row: 2, name: "a connect by the byte", reason: "timeout", kind: "connect_timeout", after: rtmp.DefaultConnectTimeout,
		script: each(func(w *wire) error {
			w.send(c0c1c2())
			w.trickle(frame(128, 3, typeCommand, 0, 0, connectCommand(w.a.App, "", "")))
			return nil
		}),
	},
	{
		row: 2, name: "a publish by the byte", reason: "timeout", kind: "command_timeout", after: rtmp.DefaultCommandTimeout,
		script: each(func(w *wire) error {
			err := w.connected()
			w.trickle(frame(128, 3, typeCommand, 0, 0, amfCommand("createStream", 2, amfNull)))
			return err
		}),
	},
	{
		row: 2, name: "messages to no purpose", reason: "timeout", kind: "command_timeout", after: rtmp.DefaultCommandTimeout,
		script: each(func(w *wire) error {
			err := w.connected()
			w.repeat(often, func(int) { w.command(amfCommand("FCSubscribe", 0, amfNull, amfString("x"))) })
			return err
		}),
	},
	{
		row: 2, name: "refused again and again", reason: "timeout", kind: "command_timeout", after: rtmp.DefaultCommandTimeout,
		script: each(func(w *wire) error {
			err := w.connected()
			w.repeat(often, func(int) { w.message(4, typeCommand, 1, 0, amfCommand("publish", 3, amfNull, amfString("../x"))) })
			return err
		}),
	},
	{
		row: 2, name: "publishing nothing", reason: "idle", after: idleTimeout, script: onPublish(func(*wire) {}),
	},
	{
		row: 2, name: "a frame by the byte", reason: "idle", after: idleTimeout,
		script: onPublish(func(w *wire) { w.trickle(frame(128, 6, typeVideo, 1, 0, video(true, 100))) }),
	},
}

// often is less than the rate of commands that is allowed.
const often = 300 * time.Millisecond

// idleTimeout is the default of rtmp.idle_timeout.
const idleTimeout = 15 * time.Second

// Rows 1 and 2, with the timeouts as they are by default: all at once, because they take long.
func TestAttackSlow(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before, worker := sc.metrics(t), sc.observe(t, sc.target)
	assaults := make([]*assault, len(slowTrials))
	for i := range slowTrials {
		assaults[i] = sc.assault(t, slowTrials[i].order())
	}
	reasons, kinds := map[string]int{}, map[string]int{}
	var sent int64
	var reports []report
	for i := range slowTrials {
		tr := &slowTrials[i]
		t.Run(fmt.Sprintf("%d %s", tr.row, tr.name), func(t *testing.T) {
			r := assaults[i].wait(t)
			tr.judge(t, &r)
			reasons[tr.reason] += len(r.Fates)
			if tr.kind != "" {
				kinds[tr.kind] += len(r.Fates)
			}
			sent += r.Sent
			reports = append(reports, r)
		})
	}
	for reason, n := range reasons {
		sc.counted(t, before, n, closedTotal, "reason", reason)
	}
	for kind, n := range kinds {
		sc.counted(t, before, n, errorsTotal, "kind", kind)
	}
	for i := range reports {
		sc.quiet(t, &reports[i])
	}
	worker.within(t, bound{memory: memoryPerByte * sent})
}
