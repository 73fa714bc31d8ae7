package api

import (
	"bytes"
	"encoding/xml"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/version"
)

// xmlWriter writes elements as nginx-rtmp does: one to a line, in its order.
type xmlWriter struct{ *bytes.Buffer }

func (w xmlWriter) open(name string)  { w.WriteString("<" + name + ">\r\n") }
func (w xmlWriter) close(name string) { w.WriteString("</" + name + ">\r\n") }
func (w xmlWriter) empty(name string) { w.WriteString("<" + name + "/>\r\n") }

// text writes an element. What XML can't have in it is replaced.
func (w xmlWriter) text(name, value string) {
	w.WriteString("<" + name + ">")
	_ = xml.EscapeText(w, []byte(value)) // a buffer takes everything
	w.WriteString("</" + name + ">\r\n")
}

// some writes an element that is left out where there is nothing to say.
func (w xmlWriter) some(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w xmlWriter) count(name string, n uint64) { w.text(name, strconv.FormatUint(n, 10)) }

// whole writes a rate as the whole number that its readers expect.
func (w xmlWriter) whole(name string, rate float64) {
	if !(rate > 0) { // nor is it no number
		rate = 0
	}
	w.count(name, uint64(min(math.Round(rate), 1<<53)))
}

// since writes a time that has passed, in milliseconds.
func (w xmlWriter) since(name string, now, then time.Time) {
	w.count(name, uint64(max(0, now.Sub(then)).Milliseconds()))
}

// built is when this program was, in the format of C's __DATE__ and __TIME__, which readers parse.
var built = sync.OnceValue(func() string {
	var at time.Time
	if path, err := os.Executable(); err == nil {
		if info, err := os.Stat(path); err == nil {
			at = info.ModTime()
		}
	}
	return at.UTC().Format("Jan _2 2006 15:04:05")
})

func (d *statDocument) write(to *bytes.Buffer, c *Coverage) {
	w := xmlWriter{to}
	to.WriteString("<?xml version=\"1.0\" encoding=\"utf-8\" ?>\r\n")
	if m := missing(c); m != "" {
		to.WriteString("<!-- incomplete: " + m + " -->\r\n") // numbers, and words of ours
	}
	if d.unlisted > 0 {
		to.WriteString("<!-- " + strconv.Itoa(d.unlisted) + " clients are counted, but not listed -->\r\n")
	}
	name := "rtmp-edge/" + version.String()
	w.open("rtmp")
	w.text("nginx_version", name)
	w.text("nginx_rtmp_version", name)
	w.text("compiler", runtime.Compiler+" "+runtime.Version())
	w.text("built", built())
	w.count("pid", uint64(max(0, d.totals.Server)))
	w.count("uptime", uint64(max(0, d.now.Sub(d.started)).Seconds()))
	w.count("naccepted", d.totals.Accepted)
	w.whole("bw_in", d.bwIn)
	w.count("bytes_in", d.totals.BytesIn)
	w.whole("bw_out", d.bwOut)
	w.count("bytes_out", d.totals.BytesOut)
	w.open("server")
	for i := range d.apps {
		d.writeApp(w, &d.apps[i])
	}
	w.close("server")
	w.count("workers_expected", uint64(c.Expected))
	w.count("workers_answered", uint64(c.Answered))
	w.close("rtmp")
}

func (d *statDocument) writeApp(w xmlWriter, a *statApp) {
	w.open("application")
	w.text("name", a.name)
	w.open("live")
	for _, s := range a.streams {
		d.writeStream(w, s)
	}
	w.count("nclients", uint64(a.clients()))
	w.close("live")
	w.close("application")
}

func (d *statDocument) writeStream(w xmlWriter, s *statStream) {
	best := s.best
	if best == nil {
		best = &LocalStream{}
	}
	w.open("stream")
	w.text("name", s.name)
	w.since("time", d.now, s.since)
	w.whole("bw_in", best.BitrateIn)
	w.count("bytes_in", best.BytesIn)
	w.whole("bw_out", s.bwOut)
	w.count("bytes_out", s.bytesOut)
	var audio, video float64
	if best.Audio != nil {
		audio = best.Audio.Bitrate
	}
	if best.Video != nil {
		video = best.Video.Bitrate
	}
	w.whole("bw_audio", audio)
	w.whole("bw_video", video)
	for i := range s.clients {
		d.writeClient(w, &s.clients[i])
	}
	if s.best != nil {
		writeMeta(w, s.best)
	}
	w.count("nclients", uint64(len(s.clients)+s.unlisted))
	if s.publishing {
		w.empty("publishing")
	}
	if best.Health != nil {
		w.empty("active")
	}
	w.close("stream")
}

func (d *statDocument) writeClient(w xmlWriter, c *Client) {
	w.open("client")
	w.count("id", clientNumber(c.Session))
	w.text("address", clientHost(c.Address))
	w.since("time", d.now, c.Since)
	w.some("flashver", c.FlashVer)
	w.some("pageurl", c.PageURL)
	w.some("swfurl", c.SWFURL)
	w.count("dropped", c.Dropped)
	w.text("avsync", strconv.Itoa(int(c.AVSync)))
	w.count("timestamp", uint64(c.Timestamp))
	if c.Publishes {
		w.empty("publishing")
	}
	if c.Active {
		w.empty("active")
	}
	w.close("client")
}
