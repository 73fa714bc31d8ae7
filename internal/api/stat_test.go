package api

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// nginxStat is what programs for nginx-rtmp decode: by names, with whole numbers, and the time of the build in C's format.
type nginxStat struct {
	XMLName  xml.Name `xml:"rtmp"`
	Version  string   `xml:"nginx_version"`
	Module   string   `xml:"nginx_rtmp_version"`
	Compiler string   `xml:"compiler"`
	Built    string   `xml:"built"`
	PID      int      `xml:"pid"`
	Uptime   int      `xml:"uptime"`
	Accepted int      `xml:"naccepted"`
	BWIn     int      `xml:"bw_in"`
	BytesIn  int      `xml:"bytes_in"`
	BWOut    int      `xml:"bw_out"`
	BytesOut int      `xml:"bytes_out"`
	Servers  []struct {
		Apps []struct {
			Name     string            `xml:"name"`
			Streams  []nginxStatStream `xml:"live>stream"`
			NClients int               `xml:"live>nclients"`
		} `xml:"application"`
	} `xml:"server"`
	Expected int `xml:"workers_expected"`
	Answered int `xml:"workers_answered"`
}

type nginxStatStream struct {
	Name     string `xml:"name"`
	Time     int    `xml:"time"`
	BWIn     int    `xml:"bw_in"`
	BytesIn  int    `xml:"bytes_in"`
	BWOut    int    `xml:"bw_out"`
	BytesOut int    `xml:"bytes_out"`
	BWAudio  int    `xml:"bw_audio"`
	BWVideo  int    `xml:"bw_video"`
	Clients  []struct {
		ID         int64     `xml:"id"`
		Address    string    `xml:"address"`
		Time       int       `xml:"time"`
		FlashVer   string    `xml:"flashver"`
		Dropped    int       `xml:"dropped"`
		AVSync     int       `xml:"avsync"`
		Timestamp  int       `xml:"timestamp"`
		Publishing *struct{} `xml:"publishing"`
		Active     *struct{} `xml:"active"`
	} `xml:"client"`
	NClients   int       `xml:"nclients"`
	Publishing *struct{} `xml:"publishing"`
	Active     *struct{} `xml:"active"`
}

func (r reply) stat(t *testing.T) (s nginxStat) {
	t.Helper()
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "text/xml; charset=utf-8" {
		t.Fatalf("status %d, %s: %s", r.status, r.header.Get("Content-Type"), r.body)
	}
	if err := xml.Unmarshal(r.body, &s); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return s
}

// statWorkers are three workers: the publisher of live/talk is on 0, a relay of it on 1; on 2 somebody waits for live/later.
func statWorkers() []said[statPart] {
	video := &VideoInfo{Codec: "h264", String: "avc1.64001f", Profile: "High", Level: "3.1", Width: 1280, Height: 720, FPS: 24.6, Bitrate: 900_000.4}
	audio := &AudioInfo{Codec: "aac", String: "mp4a.40.2", Profile: "AAC LC", SampleRate: 44100, Channels: 2, Bitrate: 64_000}
	talk := LocalStream{App: "live", Name: "talk", Owner: 10, Video: video, Audio: audio, Health: &HealthInfo{LastFrame: epoch}}
	owner, relay := talk, talk
	owner.Role, owner.Since, owner.Players, owner.RelayPlayers = RolePublisher, epoch, 1, 1
	owner.BytesIn, owner.BitrateIn, owner.BitrateOut = 5000, 964_000, 2_000_000
	relay.Role, relay.Since, relay.Players, relay.BytesIn, relay.BitrateIn, relay.BitrateOut = RoleRelay, epoch.Add(time.Second), 2, 4000, 964_000, 1_900_000
	at := func(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }
	return []said[statPart]{
		{worker: 0, slot: 10, data: statPart{
			Started: epoch.Add(-time.Hour), Totals: Totals{Server: 99, Apps: []string{"live", "zz", "aa"}, Accepted: 4, BytesIn: 6000, BytesOut: 7000, Streams: map[string]uint64{"live/talk": 3000}},
			Streams: []LocalStream{owner},
			Clients: []Client{
				{Session: "0-0-2", Protocol: "http_flv", Address: "[2001:db8::1]:5000", FlashVer: "VLC", App: "live", Name: "talk", Since: at(2.5), Active: true, Timestamp: 1960, AVSync: -7},
				{Session: "0-0-1", Protocol: "rtmp", Address: "192.0.2.1:1000", FlashVer: "FMLE/3.0 <&>", PageURL: "http://site/p", SWFURL: "http://site/s", App: "live", Name: "talk", Since: at(0), Publishes: true, Active: true, Timestamp: 2000, AVSync: -7},
			},
		}},
		{worker: 1, slot: 11, data: statPart{
			Started: epoch, Totals: Totals{Server: 99, Accepted: 2, BytesIn: 60, BytesOut: 70, Streams: map[string]uint64{"live/talk": 200}},
			Streams: []LocalStream{relay},
			Clients: []Client{
				{Session: "1-2-3", Protocol: "rtmps", Address: "192.0.2.2:1000", App: "live", Name: "talk", Since: at(1), Active: true, Dropped: 9, Timestamp: 1500, AVSync: -7},
				{Session: "1-2-4", Protocol: "rtmp", Address: "unix", App: "live", Name: "talk", Since: at(1.5)},
			},
		}},
		{worker: 2, slot: 12, data: statPart{
			Started: epoch, Totals: Totals{Server: 99, Accepted: 1, Streams: map[string]uint64{"live/talk": 50, "live/over": 1000}}, // its last players left
			Streams: []LocalStream{{App: "live", Name: "later", Role: RoleWaiting, Players: 1, Since: at(2)}},
			Clients: []Client{{Session: "2-0-1", Protocol: "rtmp", Address: "192.0.2.3:1000", App: "live", Name: "later", Since: at(2)}},
		}},
	}
}

const statWant = `<?xml version="1.0" encoding="utf-8" ?>
<rtmp>
<nginx_version>V</nginx_version>
<nginx_rtmp_version>V</nginx_rtmp_version>
<compiler>C</compiler>
<built>B</built>
<pid>99</pid>
<uptime>3603</uptime>
<naccepted>7</naccepted>
<bw_in>964000</bw_in>
<bytes_in>6060</bytes_in>
<bw_out>2900000</bw_out>
<bytes_out>7070</bytes_out>
<server>
<application>
<name>aa</name>
<live>
<nclients>0</nclients>
</live>
</application>
<application>
<name>live</name>
<live>
<stream>
<name>later</name>
<time>1000</time>
<bw_in>0</bw_in>
<bytes_in>0</bytes_in>
<bw_out>0</bw_out>
<bytes_out>0</bytes_out>
<bw_audio>0</bw_audio>
<bw_video>0</bw_video>
<client>
<id>130</id>
<address>192.0.2.3</address>
<time>1000</time>
<dropped>0</dropped>
<avsync>0</avsync>
<timestamp>0</timestamp>
</client>
<nclients>1</nclients>
</stream>
<stream>
<name>talk</name>
<time>3000</time>
<bw_in>964000</bw_in>
<bytes_in>5000</bytes_in>
<bw_out>2900000</bw_out>
<bytes_out>3250</bytes_out>
<bw_audio>64000</bw_audio>
<bw_video>900000</bw_video>
<client>
<id>128</id>
<address>192.0.2.1</address>
<time>3000</time>
<flashver>FMLE/3.0 &lt;&amp;&gt;</flashver>
<pageurl>http://site/p</pageurl>
<swfurl>http://site/s</swfurl>
<dropped>0</dropped>
<avsync>-7</avsync>
<timestamp>2000</timestamp>
<publishing/>
<active/>
</client>
<client>
<id>1099511628161</id>
<address>192.0.2.2</address>
<time>2000</time>
<dropped>9</dropped>
<avsync>-7</avsync>
<timestamp>1500</timestamp>
<active/>
</client>
<client>
<id>1099511628289</id>
<address>unix:</address>
<time>1500</time>
<dropped>0</dropped>
<avsync>0</avsync>
<timestamp>0</timestamp>
</client>
<client>
<id>256</id>
<address>2001:db8::1</address>
<time>500</time>
<flashver>VLC</flashver>
<dropped>0</dropped>
<avsync>-7</avsync>
<timestamp>1960</timestamp>
<active/>
</client>
<meta>
<video>
<width>1280</width>
<height>720</height>
<frame_rate>25</frame_rate>
<codec>H264</codec>
<profile>High</profile>
<compat>0</compat>
<level>3.1</level>
</video>
<audio>
<codec>AAC</codec>
<profile>LC</profile>
<channels>2</channels>
<sample_rate>44100</sample_rate>
</audio>
</meta>
<nclients>4</nclients>
<publishing/>
<active/>
</stream>
<nclients>5</nclients>
</live>
</application>
<application>
<name>zz</name>
<live>
<nclients>0</nclients>
</live>
</application>
</server>
<workers_expected>3</workers_expected>
<workers_answered>3</workers_answered>
</rtmp>
`

// written is the document, without what this program is called and when it was built.
func written(d *statDocument, c *Coverage) string {
	var b bytes.Buffer
	d.write(&b, c)
	lines := strings.Split(b.String(), "\r\n")
	for i, line := range lines {
		for element, stand := range map[string]string{"nginx_version": "V", "nginx_rtmp_version": "V", "compiler": "C", "built": "B"} {
			if strings.HasPrefix(line, "<"+element+">") {
				lines[i] = "<" + element + ">" + stand + "</" + element + ">"
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestStatDocument(t *testing.T) {
	t.Parallel()
	now := epoch.Add(3 * time.Second)
	got := written(mergeStat(statWorkers(), now), &Coverage{Expected: 3, Answered: 3})
	if diff := cmp.Diff(statWant, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without the owner, a relay shows what it knows; a relay whose owner has answered without the stream shows nothing.
func TestStatWithoutOwner(t *testing.T) {
	t.Parallel()
	all := statWorkers()
	talk := func(all []said[statPart]) *statStream {
		for _, a := range mergeStat(all, epoch).apps {
			for _, s := range a.streams {
				if s.name == "talk" {
					return s
				}
			}
		}
		t.Fatal("live/talk is missing")
		return nil
	}
	s := talk(all[1:])
	if !s.publishing || s.best == nil || s.best.BytesIn != 4000 || s.bytesOut != 250 {
		t.Errorf("without the owner: %+v", s)
	}
	all[0].data.Streams, all[0].data.Clients = nil, nil
	if s = talk(all); s.publishing || s.best != nil {
		t.Errorf("the owner has ended it: %+v", s)
	}
}

func TestStatAnswer(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	for i, part := range statWorkers() {
		f := c.locals[i]
		f.streams, f.clients, f.totals = part.data.Streams, part.data.Clients, part.data.Totals
	}
	r := c.call(t, http.MethodGet, "/stat")
	s := r.stat(t)
	if s.Expected != 3 || s.Answered != 3 || s.Accepted != 7 || len(s.Servers) != 1 || len(s.Servers[0].Apps) != 3 || s.Servers[0].Apps[1].NClients != 5 {
		t.Errorf("%s", r.body)
	}
	if bytes.Contains(r.body, []byte("<!--")) {
		t.Errorf("a comment in a whole document: %s", r.body)
	}
	if _, err := time.Parse("Jan _2 2006 15:04:05", s.Built); err != nil {
		t.Error(err)
	}
	if got := r.header.Get("Rtmpedge-Workers-Answered") + "/" + r.header.Get("Rtmpedge-Workers-Expected"); got != "3/3" {
		t.Errorf("headers say %s", got)
	}
}

// A document that lacks a worker says so: to programs in an element and a header, to people in a comment.
func TestStatIsIncomplete(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	for i, part := range statWorkers() {
		f := c.locals[i]
		f.streams, f.clients, f.totals = part.data.Streams, part.data.Clients, part.data.Totals
	}
	c.replace(1, stopped(t))
	c.forget(2)
	r := c.call(t, http.MethodGet, "/stat")
	s := r.stat(t)
	if s.Expected != 3 || s.Answered != 1 || s.Servers[0].Apps[1].Streams[0].NClients != 2 {
		t.Errorf("%s", r.body)
	}
	if want := "<!-- incomplete: 1 of 3 workers answered; worker 1: timeout; worker 2: missing -->"; !bytes.Contains(r.body, []byte(want)) {
		t.Errorf("no %s in %s", want, r.body)
	}
	if got := r.header.Get("Rtmpedge-Workers-Answered") + "/" + r.header.Get("Rtmpedge-Workers-Expected"); got != "1/3" {
		t.Errorf("headers say %s", got)
	}
}

// A worker that has more clients than fit into an answer lists some, and counts all.
func TestStatListsSome(t *testing.T) {
	t.Parallel()
	all := statWorkers()
	p := &all[1].data
	p.shorten(p.Clients[0].size())
	if len(p.Clients) != 1 || p.Unlisted["live/talk"] != 1 || len(p.Unlisted) != 1 {
		t.Errorf("%+v", p)
	}
	got := written(mergeStat(all, epoch.Add(3*time.Second)), &Coverage{Expected: 3, Answered: 3})
	i, j := strings.Index(statWant, "<client>\n<id>1099511628289"), strings.Index(statWant, "<client>\n<id>256")
	want := strings.Replace(statWant[:i]+statWant[j:], "<rtmp>", "<!-- 1 clients are counted, but not listed -->\n<rtmp>", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p.shorten(1 << 20)
	if len(p.Clients) != 1 {
		t.Error("left out although there is room")
	}
}

// What a stream or a client is called can't add elements.
func TestStatEscapes(t *testing.T) {
	t.Parallel()
	const name = `<a>&"' ü` + "\x01"
	d := mergeStat([]said[statPart]{{data: statPart{
		Streams: []LocalStream{{App: name, Name: name, Role: RolePublisher, Video: &VideoInfo{Codec: "<x>", Profile: name, Level: name}}},
		Clients: []Client{{Session: "0-0-1", Address: name, App: name, Name: name, FlashVer: name, PageURL: name, SWFURL: name}},
	}}}, epoch)
	var b bytes.Buffer
	d.write(&b, &Coverage{})
	var s nginxStat
	if err := xml.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatalf("%v in %s", err, b.String())
	}
	want := strings.ReplaceAll(name, "\x01", "\uFFFD")
	app := s.Servers[0].Apps[0]
	if app.Name != want || app.Streams[0].Name != want || app.Streams[0].Clients[0].FlashVer != want {
		t.Errorf("%s", b.String())
	}
}

func TestStatMeta(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		video *VideoInfo
		audio *AudioInfo
		want  string
	}{
		{nil, nil, "0 0 0"},
		{&VideoInfo{Codec: "h264", String: "avc1.42c01e", Profile: "Constrained Baseline", Level: "3"}, nil, "0 0 0 H264 Baseline 192 3.0"},
		{&VideoInfo{Codec: "h264", String: "avc1.6e0028", Profile: "High 10", Level: "4"}, nil, "0 0 0 H264 High 10 0 4.0"},
		{&VideoInfo{Codec: "hevc", String: "hvc1.1.6.L93.B0", Profile: "Main", Level: "3.1", Width: 9, Height: 8}, nil, "9 8 0 HEVC Main 3.1"},
		{&VideoInfo{Codec: "flv1"}, &AudioInfo{Codec: "mp3", Channels: 1}, "0 0 0 Sorenson-H263 MP3 1"},
		{nil, &AudioInfo{Codec: "aac", String: "mp4a.40.29", Profile: "HE-AAC v2"}, "0 0 0 AAC HEv2"},
		{nil, &AudioInfo{Codec: "aac", String: "mp4a.40.42", Profile: "xHE-AAC"}, "0 0 0 AAC xHE-AAC"},
		{nil, &AudioInfo{Codec: "opus", SampleRate: 48000}, "0 0 0 Opus 48000"},
	} {
		var b bytes.Buffer
		writeMeta(xmlWriter{&b}, &LocalStream{Video: tt.video, Audio: tt.audio})
		dec, got := xml.NewDecoder(&b), []string{}
		for {
			token, err := dec.Token()
			if err != nil {
				break
			}
			if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
				got = append(got, string(text))
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v %+v: %q, want %q", tt.video, tt.audio, got, tt.want)
		}
	}
}

// However the names of clients are written on their way between workers, those that are listed fit into an answer.
func TestStatManyClients(t *testing.T) {
	c := newCluster(t, 1)
	for i := range 4000 {
		c.locals[0].clients = append(c.locals[0].clients, Client{
			Session: "0-0-" + strconv.Itoa(i+1), Protocol: "rtmp", App: "live", Name: strings.Repeat("<", 1000), FlashVer: strings.Repeat("&", 200),
		})
	}
	w := httptest.NewRecorder()
	c.apis[0].localStat(w, nil)
	if n := w.Body.Len(); n > broadcast.DefaultMaxBody/2 || n < maxStatClients/2 {
		t.Errorf("%d bytes, siblings take %d", n, broadcast.DefaultMaxBody)
	}
}
