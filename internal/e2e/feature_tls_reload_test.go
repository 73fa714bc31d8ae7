package e2e

import (
	"fmt"
	"testing"
	"time"
)

// A certificate that is replaced on disk is used for new connections, on every worker and without restart. Those that are open go on. A file that
// can't be used leaves the old certificate in use; that is logged once, and counted.
func TestTLSCertificateReplaced(t *testing.T) {
	t.Parallel()
	const stream = "live/long"
	s := startSecure(t, options{workers: 2})
	pids := s.pids(t)
	publisher, sending := s.overTLS(0).goLive(t, stream)
	viewers := []*player{s.overTLS(0).play(t, stream), s.overTLS(1).play(t, stream)}
	for _, v := range viewers {
		v.awaitRun(soon, publisher.source.run)
	}
	for worker := range s.opt.workers {
		if got := s.serial(t, worker); got != 2 {
			t.Errorf("worker %d serves certificate %d first", worker, got)
		}
	}
	notAfter := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	s.issue(t, s.files, 3, notAfter)
	s.awaitSerial(t, 3)
	if got := s.metric(t, "rtmpedge_tls_certificate_expiry_timestamp_seconds"); got != float64(2*notAfter.Unix()) {
		t.Errorf("the workers' certificates expire at %v in sum, not at twice %v", got, notAfter.Unix())
	}

	failed := s.metric(t, "rtmpedge_tls_certificate_loads_total", "result", "error")
	replaceFile(t, s.files.cert, []byte("-----BEGIN CERTIFICATE-----\nbroken"))
	waitFor(t, soon, "the failure of every worker", func() string {
		for worker := range s.opt.workers {
			if got := s.serial(t, worker); got != 3 {
				t.Fatalf("worker %d serves certificate %d while its file is broken", worker, got)
			}
		}
		if got := s.metric(t, "rtmpedge_tls_certificate_loads_total", "result", "error"); got < failed+float64(s.opt.workers) {
			return fmt.Sprintf("%v of them", got-failed)
		}
		return ""
	})
	stays(t, 2500*time.Millisecond, "the log of a broken certificate", func() string { // for as long as to look at it twice more
		for worker := range s.opt.workers {
			if got := s.serial(t, worker); got != 3 {
				return fmt.Sprintf("worker %d serves certificate %d", worker, got)
			}
		}
		if lines := s.log.find("(?i)level=(WARN|ERROR).*certificate.*" + s.files.cert); len(lines) > s.opt.workers {
			return fmt.Sprintf("said more than once: %q", lines)
		}
		return ""
	})
	if lines := s.log.find("(?i)level=(WARN|ERROR).*certificate.*" + s.files.cert); len(lines) != s.opt.workers {
		t.Errorf("%d workers said %q", s.opt.workers, lines)
	}

	s.issue(t, s.files, 4, time.Now().Add(time.Hour))
	s.awaitSerial(t, 4)
	for _, v := range viewers {
		v.awaitMore(soon, 50)
	}
	if err := sending.stop(); err != nil {
		t.Errorf("the publisher was disturbed: %v", err)
	}
	if now := s.pids(t); now[0] != pids[0] || now[1] != pids[1] {
		t.Errorf("workers were replaced: %v, now %v", pids, now)
	}
}

// awaitSerial waits until every worker serves the certificate with that serial number.
func (s *secureServer) awaitSerial(t testing.TB, serial int64) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("certificate %d", serial), func() string {
		for worker := range s.opt.workers {
			if got := s.serial(t, worker); got != serial {
				return fmt.Sprintf("worker %d serves %d", worker, got)
			}
		}
		return ""
	})
}

// Many players over TLS get every message in time, while one among them never reads: it is closed after stall_timeout.
func TestTLSManyPlayersOneStalled(t *testing.T) {
	t.Parallel()
	const stream = "live/crowd"
	players := scaled(50, 20)
	s := startSecure(t, options{live: "stall_timeout: 2s"})
	publisher := s.overTLS(0).publish(t, stream)
	publisher.source.bitrate(1_000_000)
	publisher.headers()
	crowd := map[int]*player{}
	for i := range players {
		crowd[i] = s.overTLS(i%2).play(t, stream)
	}
	s.awaitPlayers(t, stream, players)
	stuck := []*stalled{s.playStalled(t, 0, stream), s.playStalled(t, 1, stream)}
	s.awaitPlayers(t, stream, players+len(stuck))

	publisher.slowestWrite()
	publisher.feed(1, crowd) // a keyframe: players start at one
	for _, p := range crowd {
		p.longestPause()
	}
	// More than what the kernels keep for a player that doesn't read.
	publisher.source.interSize, publisher.source.keySize = 100_000, 100_000
	publisher.feed(2*messagesPerSecond, crowd)
	publisher.source.bitrate(1_000_000)
	waitFor(t, 2*soon, "the stalled players' end", func() string {
		publisher.feed(3, crowd)
		info, _, err := s.stream(shared, stream)
		if err != nil {
			return err.Error()
		}
		if info.Players != players {
			return fmt.Sprintf("%d players", info.Players)
		}
		return ""
	})
	for _, p := range stuck {
		if err := p.drain(); err != nil {
			t.Errorf("a stalled player was taken from the list, but %v", err)
		}
	}
	for _, p := range crowd {
		p.check()
		if pause := p.longestPause(); pause > heldUp {
			t.Errorf("%s waited %v for a message", p.name, pause)
		}
	}
	if slowest := publisher.slowestWrite(); slowest > heldUp {
		t.Errorf("the publisher was held up for %v", slowest)
	}
	if got := s.metric(t, "rtmpedge_connections_closed_total", "protocol", "rtmps", "reason", "stalled"); int(got) != len(stuck) {
		t.Errorf("%v connections are counted as stalled", got)
	}
}
