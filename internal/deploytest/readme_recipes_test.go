package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// filled puts in what stands in the README for something of the reader's own, and takes out the devices that a test has not: camera, microphone, screen and
// loudspeaker.
func (s *readmeSite) filled(line, name string) string {
	s.t.Helper()
	return strings.NewReplacer(
		"NAME", name,
		"FILE", s.clip(),
		"rtmp://OTHER/live/"+"NAME", "rtmp://127.0.0.2:1940/live/"+s.elsewhere(),
		"-f v4l2 -i /dev/video0", "-re -f lavfi -i testsrc2=size=640x360:rate=30",
		"-f alsa -i default", "-re -f lavfi -i sine",
		"autovideosink", "fakesink sync=true",
		"autoaudiosink", "fakesink sync=true",
	).Replace(line)
}

// clip makes the reader's FILE.
func (s *readmeSite) clip() string {
	s.t.Helper()
	file := filepath.Join(s.dir, "clip.mp4")
	if _, err := os.Stat(file); err != nil {
		clipTo(s.t, file)
	}
	return file
}

// elsewhere publishes a stream on the other server, and returns its name.
func (s *readmeSite) elsewhere() string {
	s.t.Helper()
	const name = "elsewhere"
	if !s.published {
		s.published = true
		s.r.net(func() { publish(s.t, "rtmp://127.0.0.2:1940/live/"+name) })
	}
	return name
}

// publishes runs one of the README's publishers, and plays what it publishes.
func (s *readmeSite) publishes(name, line string) {
	s.t.Helper()
	o := s.outside(s.filled(line, name))
	defer s.tell(line, o)
	s.awaitLive(name)
	s.r.net(func() { plays(s.t, "rtmp://127.0.0.1/live/"+name) })
	o.stop()
	await(s.t, "the end of "+name, func() bool { return !s.live(name) })
}

// enoughPlayed are more bytes than a player has from before its first picture.
const enoughPlayed = 200_000

// plays runs one of the README's players until it has got a good piece of the stream.
func (s *readmeSite) plays(name, line string) {
	s.t.Helper()
	o := s.outside(s.filled(line, name))
	defer s.tell(line, o)
	await(s.t, line, func() bool { return s.playedBytes(name) > enoughPlayed })
	o.stop()
	if _, file, recorded := strings.Cut(line, "-c copy "); recorded {
		plays(s.t, filepath.Join(s.dir, file))
	}
	await(s.t, "the end of the player", func() bool { return s.playedBytes(name) == 0 })
}

// tell ends a command, and says what it printed if the test has failed.
func (s *readmeSite) tell(line string, o *outsider) {
	o.stop()
	if s.t.Failed() {
		s.t.Logf("%s\n%s", line, o.out.String())
	}
}

// playedBytes are what the players of a stream have got.
func (s *readmeSite) playedBytes(name string) (sum int) {
	var answer struct {
		Sessions []struct {
			State string `json:"state"`
			Bytes int    `json:"bytes_out"`
		} `json:"sessions"`
	}
	if json.Unmarshal([]byte(s.get("/api/v1/sessions?role=player&name="+name)), &answer) != nil {
		return -1
	}
	for _, session := range answer.Sessions {
		sum += session.Bytes
	}
	return sum
}

// looks runs the commands that show the server, and the last, which kicks.
func (s *readmeSite) looks(name string, lines []string) {
	s.t.Helper()
	for _, line := range lines {
		o := s.outside(s.filled(line, name))
		if err := o.cmd.Wait(); err != nil {
			s.t.Errorf("%s: %v", line, err)
		}
		want := name
		if strings.Contains(line, "DELETE") {
			want = `"kicked":true`
		}
		if !strings.Contains(o.out.String(), want) {
			s.t.Errorf("%s: no %s in\n%s", line, want, o.out.String())
		}
	}
}

// configures runs the commands of the section about configuration, the last of which is a server; then one with RTMPS, as it is written there.
func (s *readmeSite) configures(d document) {
	s.t.Helper()
	commands := d.in("console")[0].commands()
	server := commands[len(commands)-1]
	for _, line := range commands[:len(commands)-1] {
		s.r.run("sh", "-c", inTree(line))
	}
	s.r.run("sh", "-c", inTree(readDocument(s.t, install).commandsIn(s.t, "From source", 0)[0]))
	stop := s.start(server)
	s.awaitServer()
	stop()

	const file = "/etc/rtmp-edge/rtmp-edge.yml"
	cert, tls := certificate(s.t), ""
	for _, b := range d.in("yaml") {
		if strings.Contains(b.text, "tls:") {
			tls = b.text
		}
	}
	s.r.write(file, tls, 0o600)
	s.r.copyIn(cert.cert, "/etc/rtmp-edge/cert.pem", 0o600)
	s.r.copyIn(cert.key, "/etc/rtmp-edge/key.pem", 0o600)
	stop = s.start(strings.Replace(server, "deploy/rtmp-edge.yml", file, 1))
	s.awaitServer()
	o := s.outside(s.filled(d.in("sh")[0].commands()[0], "secured"))
	defer s.tell("RTMPS", o)
	s.awaitLive("secured")
	s.r.net(func() { plays(s.t, "rtmps://localhost:1936/live/secured") })
	o.stop()
	stop()
}
