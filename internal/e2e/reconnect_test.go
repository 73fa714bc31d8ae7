package e2e

import (
	"slices"
	"syscall"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// Enhanced RTMP v2 "NetConnection.Connect.ReconnectRequest".
const codeReconnectRequest = "NetConnection.Connect.ReconnectRequest"

// Flags of the property capsEx of connect (Enhanced RTMP v2 "Enhancing NetConnection connect Command").
const (
	capsReconnect  = 1
	capsMultitrack = 2
	capsModEx      = 4
)

// When the server shuts down, it tells the clients that understand it to connect again, before it ends them; and nobody else.
func TestReconnectRequest(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	able := amf0.Object{{Key: "capsEx", Value: float64(capsReconnect | capsModEx)}}
	other := amf0.Object{{Key: "capsEx", Value: float64(capsMultitrack)}}
	type session struct {
		name    string
		able    bool
		codes   func() []string
		goodbye string // the last word
	}
	var sessions []session
	var publishers []*publisher
	for i, r := range []route{over(s.rtmpAddr(0)).with(able), over(s.rtmpAddr(0)).with(other), over(s.rtmpAddr(1))} {
		p, _ := r.goLive(t, []string{"live/able", "live/other", "live/plain"}[i])
		publishers = append(publishers, p)
		sessions = append(sessions, session{"publisher", i == 0, func() []string { return p.told(soon) }, rtmp.CodeUnpublishSuccess})
	}
	for _, stream := range []string{"live/able", "live/plain"} {
		for i, r := range []route{over(s.rtmpAddr(2)).with(able), over(s.rtmpAddr(0)).with(able), over(s.rtmpAddr(0)).with(other), over(s.rtmpAddr(2))} {
			v := r.play(t, stream)
			v.awaitMore(soon, 1)
			sessions = append(sessions, session{v.name, i < 2, func() []string { return v.awaitEnd(soon) }, rtmp.CodePlayUnpublishNotify})
		}
	}
	waiting := over(s.rtmpAddr(3)).with(able).play(t, "live/nobody")
	s.awaitPlayers(t, "live/nobody", 1)
	sessions = append(sessions, session{"waiting player", true, func() []string { return waiting.awaitEnd(soon) }, ""})

	s.signal(syscall.SIGTERM)
	s.waitStopped(s.opt.shutdownTimeout)
	for _, c := range sessions {
		codes := c.codes()
		if slices.Contains(codes, codeReconnectRequest) != c.able {
			t.Errorf("%s (can reconnect: %v) was told %v", c.name, c.able, codes)
		}
		if c.goodbye != "" && !slices.Contains(codes, c.goodbye) {
			t.Errorf("%s was told %v, not %s", c.name, codes, c.goodbye)
		}
	}
	for _, p := range publishers {
		p.mu.Lock()
		for _, status := range p.statuses {
			if status.Code == codeReconnectRequest && status.Level != rtmp.LevelStatus {
				t.Errorf("%+v", status)
			}
		}
		p.mu.Unlock()
	}
}

// Nobody is told to connect again where only its own stream or session ends.
func TestReconnectNotForOtherEnds(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2, apps: takeoverApps, live: "republish_wait: 0s"})
	able := amf0.Object{{Key: "capsEx", Value: float64(capsReconnect)}}
	old, _ := over(s.rtmpAddr(0)).with(able).goLive(t, "live/x")
	viewer := over(s.rtmpAddr(1)).with(able).play(t, "live/x")
	viewer.awaitRun(soon, old.source.run)
	next, sending := over(s.rtmpAddr(1)).with(able).goLive(t, "live/x")
	viewer.awaitRun(soon, next.source.run)
	if codes := old.told(soon); slices.Contains(codes, codeReconnectRequest) {
		t.Errorf("the publisher that was taken over was told %v", codes)
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
	next.end()
	if codes := viewer.awaitEnd(soon); slices.Contains(codes, codeReconnectRequest) || !slices.Contains(codes, rtmp.CodePlayUnpublishNotify) {
		t.Errorf("the player whose stream ended was told %v", codes)
	}
}
