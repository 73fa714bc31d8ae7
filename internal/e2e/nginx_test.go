package e2e

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// nginxStat is what programs that were written for nginx-rtmp read of GET /stat.
type nginxStat struct {
	Accepted int `xml:"naccepted"`
	Streams  []struct {
		Name    string `xml:"name"`
		Clients []struct {
			ID         uint64    `xml:"id"`
			Address    string    `xml:"address"`
			Publishing *struct{} `xml:"publishing"`
			Active     *struct{} `xml:"active"`
		} `xml:"client"`
		NClients   int       `xml:"nclients"`
		BytesOut   uint64    `xml:"bytes_out"`
		Publishing *struct{} `xml:"publishing"`
	} `xml:"server>application>live>stream"`
	Expected int `xml:"workers_expected"`
	Answered int `xml:"workers_answered"`
}

// nginxStat asks a worker.
func (s *server) nginxStat(t testing.TB, worker int) (stat nginxStat, document string) {
	t.Helper()
	status, body, err := s.call(worker, http.MethodGet, "/stat")
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: GET /stat: %d %v %s", placeName(worker), status, err, body)
	}
	if err := xml.Unmarshal(body, &stat); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return stat, string(body)
}

// clients counts who publishes or plays a stream.
func (n *nginxStat) clients(stream string) (publishers, players int) {
	for _, s := range n.Streams {
		for _, c := range s.Clients {
			switch {
			case s.Name != stream:
			case c.Publishing != nil:
				publishers++
			default:
				players++
			}
		}
	}
	return publishers, players
}

func (n *nginxStat) bytesOut(stream string) uint64 {
	for _, s := range n.Streams {
		if s.Name == stream {
			return s.BytesOut
		}
	}
	return 0
}

// awaitClients waits until a stream has so many players that media flows to.
func (s *server) awaitClients(t testing.TB, stream string, publishers, players int) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%d publishers and %d players of %s in /stat", publishers, players, stream), func() string {
		stat, document := s.nginxStat(t, shared)
		if a, b := stat.clients(stream); a != publishers || b != players {
			return document
		}
		return ""
	})
}

// nginx makes a control call, which answers with a number.
func (s *server) nginx(t testing.TB, worker int, call, want string) {
	t.Helper()
	if status, body, err := s.call(worker, http.MethodGet, "/control/"+call); err != nil || status != http.StatusOK || string(body) != want {
		t.Errorf("%s: /control/%s: %d %q %v, want %s", placeName(worker), call, status, body, err, want)
	}
}

// passing is what changes from one second to the next.
var passing = regexp.MustCompile(`<(uptime|time|timestamp|avsync|bw_\w+|bytes_\w+|frame_rate|dropped)>[-\d]+<`)

// Every port has the same document, about all workers; relays are in none.
func TestNginxStatEverywhere(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	s.goLive(t, 1, "live/one")
	s.goLive(t, 3, "live/two")
	var viewers []*player
	for _, place := range []int{0, 1, 2, 2} {
		viewers = append(viewers, play(t, s.rtmpURL(place, "live/one")))
	}
	viewers = append(viewers, playFLV(t, s.flvURL(3, "live/one")))
	for _, v := range viewers {
		v.awaitMessages(soon, 10)
	}
	play(t, s.rtmpURL(0, "live/later"))
	s.awaitClients(t, "one", 1, 5)
	s.awaitClients(t, "later", 0, 1)
	stat, _ := s.nginxStat(t, 0)
	if stat.Accepted != 8 || stat.Expected != workers || stat.Answered != workers {
		t.Errorf("%d accepted; %d of %d workers", stat.Accepted, stat.Answered, stat.Expected)
	}
	var ids []uint64
	for _, stream := range stat.Streams {
		for _, c := range stream.Clients {
			ids = append(ids, c.ID)
			if c.Address != "127.0.0.1" || (c.Active == nil) != (stream.Name == "later") {
				t.Errorf("%s: %+v", stream.Name, c)
			}
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 8 {
		t.Errorf("ids %v", ids)
	}
	var first string
	for _, place := range everywhere(s) {
		_, document := s.nginxStat(t, place)
		document = passing.ReplaceAllString(document, "<$1>N<")
		if first == "" {
			first = document
		}
		if document != first {
			t.Errorf("%s answers\n%s\nnot\n%s", placeName(place), document, first)
		}
	}
	testNginxStopped(t, s, pids[2])
}

// testNginxStopped stops worker 2, which has two players of live/one.
func testNginxStopped(t *testing.T, s *server, pid int) {
	t.Helper()
	stopWorker(t, pid)
	stat, document := s.nginxStat(t, 3)
	if _, players := stat.clients("one"); players != 3 || stat.Answered != workers-1 || stat.Expected != workers {
		t.Errorf("with worker 2 stopped:\n%s", document)
	}
	if !strings.Contains(document, "<!-- incomplete: 3 of 4 workers answered; worker 2: timeout -->") {
		t.Errorf("the document does not say that it is incomplete:\n%s", document)
	}
	status, body, err := s.call(3, http.MethodGet, "/control/drop/subscriber?app=live&name=one")
	if err != nil || status != http.StatusServiceUnavailable || !strings.HasPrefix(string(body), "3\nworker 2 did not answer: timeout") {
		t.Errorf("drop: %d %q %v", status, body, err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.pids(t)
	s.awaitClients(t, "one", 1, 2) // what it was asked to do while it was stopped, it does not do now
}

// Each kind of client is dropped wherever it is, by a call on a worker that has none of them.
func TestNginxDrop(t *testing.T) {
	t.Parallel()
	s := start(t, options{relay: "linger: 100ms"})
	publisher, sending := s.goLive(t, 0, "live/a")
	s.goLive(t, 2, "live/b")
	a := []*player{play(t, s.rtmpURL(1, "live/a")), play(t, s.rtmpURL(2, "live/a")), playFLV(t, s.flvURL(1, "live/a"))}
	b := play(t, s.rtmpURL(1, "live/b"))
	for _, v := range append(a, b) {
		v.awaitMessages(soon, 10)
	}
	s.awaitClients(t, "a", 1, 3)
	stat, _ := s.nginxStat(t, 3)
	var one uint64 // some player of live/b
	for _, stream := range stat.Streams {
		for _, c := range stream.Clients {
			if stream.Name == "b" && c.Publishing == nil {
				one = c.ID
			}
		}
	}
	s.nginx(t, 3, "drop/subscriber?app=live&name=nobody", "0")
	s.nginx(t, 3, "drop/client?app=other", "0")
	s.nginx(t, 3, "drop/client?addr=192.0.2.1", "0")
	s.nginx(t, 3, fmt.Sprintf("drop/publisher?clientid=%d", one), "0")
	s.nginx(t, 3, fmt.Sprintf("drop/client?clientid=%d", one), "1")
	waitClosed(t, soon, "the end of the player of live/b", b.ended)
	for _, v := range a {
		v.check()
	}
	stat, _ = s.nginxStat(t, 3)
	s.nginx(t, 3, "drop/subscriber?srv=0&app=live&name=a&addr=127.0.0.1", "3")
	for _, v := range a {
		waitClosed(t, soon, v.name+": its end", v.ended)
	}
	s.awaitStream(t, "live/a", func(info streamInfo, _ bool) string {
		if len(info.Relays) > 0 {
			return fmt.Sprintf("relays on %v", info.Relays)
		}
		return ""
	})
	before := stat.bytesOut("a")
	stat, _ = s.nginxStat(t, 3)
	if after := stat.bytesOut("a"); before == 0 || after < before { // though nobody but its publisher has it any more
		t.Errorf("bytes_out of live/a was %d, and is %d", before, after)
	}
	s.nginx(t, 3, "drop/publisher?app=live&name=a", "1")
	waitClosed(t, soon, "the end of the publisher of live/a", sending.done)
	publisher.told(soon)
	s.awaitClients(t, "a", 0, 0)
	s.awaitClients(t, "b", 1, 0)
	s.nginx(t, shared, "drop/client", "1")
	s.awaitClients(t, "b", 0, 0)
}
