package deploytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The first section's command starts a server; those of the next ones use it.
const (
	readme          = "README.md"
	readmePublish   = "Publish"
	readmePlay      = "Play"
	readmeLook      = "Look"
	readmeConfigure = "Configure it"
)

// TestREADME does what the README says, in a test root that has nothing but the tree, Go, and what go.mod names: its own commands, as they stand there, start a
// server that is published to, played, looked at and configured. Publishers and players run outside the root, in its network.
func TestREADME(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.bringGo()
	d := readDocument(t, readme)
	site := &readmeSite{t: t, r: r, dir: worldly(t), client: &http.Client{Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true}, Timeout: 10 * time.Second}}

	first := d.section("Run it").in("console")[0].commands()[0]
	stop := site.start(first)
	site.awaitServer()
	site.second()
	for i, command := range d.commandsOf(t, readmePublish) {
		site.publishes(fmt.Sprintf("p%d", i), command)
	}
	r.net(func() { publish(t, "rtmp://127.0.0.1/live/watched") })
	site.awaitLive("watched")
	for _, command := range d.commandsOf(t, readmePlay) {
		site.plays("watched", command)
	}
	site.looks("watched", d.commandsOf(t, readmeLook))
	stop()

	site.configures(d.section(readmeConfigure))
}

// section returns a part of the document: from a heading to the next of its rank.
func (d document) section(title string) document {
	part := document{path: d.path}
	from, to := 0, len(d.prose)
	for i, line := range d.prose {
		switch {
		case line == "## "+title:
			from = i
		case from > 0 && i > from && strings.HasPrefix(line, "## "):
			to = min(to, i)
		}
	}
	if from == 0 {
		return part
	}
	part.prose = d.prose[from:to]
	part.blocks = slices.DeleteFunc(slices.Clone(d.blocks), func(b block) bool { return b.line <= from || b.line > to })
	return part
}

// commandsOf returns the commands of a section's blocks in sh.
func (d document) commandsOf(t *testing.T, section string) []string {
	t.Helper()
	var all []string
	for _, b := range d.section(section).in("sh") {
		all = append(all, b.commands()...)
	}
	if len(all) < 3 {
		t.Fatalf("%s: only %d commands in %q: the test doesn't see them", d.path, len(all), section)
	}
	return all
}

// A readmeSite is a server in a test root, with the commands around it.
type readmeSite struct {
	t      *testing.T
	r      *root
	dir    string // where commands outside the root run
	client *http.Client

	published bool // a stream on the other server
}

// start runs a command of the README in the root, in the copy of the tree. stop is Ctrl-C, upon which it must end in order.
func (s *readmeSite) start(line string) (stop func()) {
	s.t.Helper()
	const leader = "/run/leader" // the process group that Ctrl-C is for
	cmd := s.r.command("setsid", "sh", "-c", "echo $$ >"+leader+"; "+inTree(line))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("%s:\n%s", line, out.String())
		}
	})
	return func() {
		s.t.Helper()
		s.r.run("bash", "-c", "kill -INT -- -$(cat "+leader+")")
		select {
		case err := <-ended:
			if err != nil && !strings.HasPrefix(line, "go run ") { // which fails whenever it was interrupted
				s.t.Errorf("%s: ended with %v", line, err)
			}
			if !strings.Contains(out.String(), "msg=stopped") {
				s.t.Errorf("%s: did not end in order", line)
			}
		case <-time.After(awaitTime):
			s.t.Fatalf("%s: does not end", line)
		}
	}
}

// inTree is a command for the shell in the root, as the reader types it in the tree.
func inTree(line string) string {
	return "cd " + goTree + " && exec env " + strings.Join(goEnvironment(), " ") + " " + line
}

func (s *readmeSite) awaitServer() {
	s.t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); s.get("/readyz") == ""; time.Sleep(awaitPause) { // it is compiled first
		if time.Now().After(deadline) {
			s.t.Fatal("the README's first command brings no server")
		}
	}
}

// get returns what the server answers, or "".
func (s *readmeSite) get(path string) string {
	response, err := s.client.Get("http://127.0.0.1:8080" + path) //nolint:noctx // the client has a deadline
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// second starts the server called OTHER, in the same network, and publishes there.
func (s *readmeSite) second() {
	s.t.Helper()
	file := filepath.Join(s.dir, "other.yml")
	write(s.t, file, "workers: 1\nrtmp: {listen: [\"127.0.0.2:1940\"]}\nhttp: {listen: []}\n")
	o := s.outside(binary(s.t) + " run -c " + file)
	s.t.Cleanup(o.stop)
	// It may not listen yet: ffmpeg tries once only.
	await(s.t, "the other server", func() bool {
		nc, err := s.r.dial(s.t.Context(), "tcp", "127.0.0.2:1940")
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
}

// live tells whether a stream comes, with a picture.
func (s *readmeSite) live(name string) bool {
	var answer struct {
		Streams []struct {
			Name  string `json:"name"`
			State string `json:"state"`
			Video string `json:"video_codec"`
		} `json:"streams"`
	}
	if json.Unmarshal([]byte(s.get("/api/v1/streams")), &answer) != nil {
		return false
	}
	for _, stream := range answer.Streams {
		if stream.Name == name && stream.State == "live" && stream.Video != "" {
			return true
		}
	}
	return false
}

func (s *readmeSite) awaitLive(name string) {
	s.t.Helper()
	await(s.t, name+" to be live", func() bool { return s.live(name) })
}
