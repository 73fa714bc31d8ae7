package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A Stream is what one worker's metrics tell of one stream. Received, Sent and Jumps count since Instance began.
type Stream struct {
	App, Name string
	// Instance names what counts: when the worker forgets a stream and it comes again, that is another instance, with a higher number.
	Instance uint64
	// Fed says that the stream is there, from its publisher or a relay. Else it is only waited for.
	Fed bool
	// WasFed says that it is or was there. Who waits for a stream in vain gets bytes, too, but must not have series for that.
	WasFed bool

	Received uint64         // bytes from its publisher, if that was here
	Sent     uint64         // bytes to viewers
	Jumps    uint64         // jumps and steps back in its publisher's timestamps
	Players  map[string]int // viewers by protocol

	Backlog, GOP int // bytes

	Owner *Owner // nil if its publisher isn't here
}

// An Owner is what the worker knows of a stream whose publisher it has.
type Owner struct {
	Video, Audio     string        // codecs
	KeyframeInterval time.Duration // 0 before the second keyframe
	Start, LastFrame time.Time     // zero: none yet
}

const (
	// keepFor is how long the series of a stream stay when it has ended.
	keepFor = time.Minute
	// otherStreams is the app and the name under which the streams are added up that have no series of their own.
	otherStreams = "_other"
)

// counts of a stream, or of several.
type counts struct{ received, sent, jumps float64 }

func (c counts) plus(d counts) counts {
	return counts{c.received + d.received, c.sent + d.sent, c.jumps + d.jumps}
}

func (c counts) minus(d counts) counts {
	return counts{c.received - d.received, c.sent - d.sent, c.jumps - d.jumps}
}

func (s *Stream) counts() counts {
	return counts{received: float64(s.Received), sent: float64(s.Sent), jumps: float64(s.Jumps)}
}

type streamKey struct{ app, name string }

func (s *Stream) key() streamKey { return streamKey{s.App, s.Name} }

// labelled is a stream with series of its own.
type labelled struct {
	instance uint64
	base     counts // what earlier instances counted, less what the present one counted under otherStreams
	now      counts // with base
	ended    time.Time
	told     bool           // since it ended
	players  map[string]int // with 0 for protocols of the past
	owner    *Owner
	owned    bool             // it has, or had, its publisher here
	labels   []*dto.LabelPair // app and stream
	there    *Stream          // while expire looks
}

// Streams are the series of single streams, and the sums over all streams that are taken at a scrape.
type Streams struct {
	state func() []Stream
	book  *streamBook

	looking sync.Mutex // held by Collect

	backlog, gop                                                 *prometheus.Desc
	info, received, sent, players, interval, start, frame, jumps *prometheus.Desc
}

// ObserveStreams registers the metrics of streams, read by state at every scrape. At most limit streams have series of their own; all others are
// added up; with 0 nothing is told of streams.
func (m *Metrics) ObserveStreams(limit int, state func() []Stream) (*Streams, error) {
	s := &Streams{
		state: state, book: newStreamBook(limit),
		backlog: desc("send_backlog_bytes", "Bytes of streams that are here and that players have not got yet."),
		gop:     desc("gop_cache_bytes", "Bytes that are kept for players that come: each stream's newest keyframe and what followed."),

		info:     desc("stream_info", "1, with the codecs of a stream as labels, on the worker of its publisher.", "app", "stream", "video_codec", "audio_codec"),
		received: desc("stream_received_bytes_total", "Bytes of media from the publisher of a stream.", "app", "stream"),
		sent:     desc("stream_sent_bytes_total", "Bytes sent to players of a stream, relays to other workers not among them.", "app", "stream"),
		players:  desc("stream_players", "Players of a stream, relays to other workers not among them.", "app", "stream", "protocol"),
		interval: desc("stream_keyframe_interval_seconds", "Time between the last two keyframes, by their timestamps.", "app", "stream"),
		start:    desc("stream_start_time_seconds", "When the publisher of a stream began, in seconds since 1970.", "app", "stream"),
		frame:    desc("stream_last_frame_timestamp_seconds", "When the newest frame of a stream came from its publisher, in seconds since 1970.", "app", "stream"),
		jumps: desc("stream_timestamp_discontinuities_total", "Jumps and steps back in the timestamps of a stream's publisher.",
			"app", "stream"),
	}
	return s, m.reg.Register(s)
}

// SetLimit changes how many streams have series of their own. Those that have theirs keep them for as long as they would have.
func (s *Streams) SetLimit(limit int) { s.book.limit.Store(int64(limit)) }

// Gone notes the last counts of a stream that this worker forgets. It may be called with locks held that the state function takes.
func (s *Streams) Gone(last Stream) {
	s.book.gone(&last, time.Now())
}

// Describe implements prometheus.Collector.
func (s *Streams) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.backlog, s.gop, s.info, s.received, s.sent, s.players, s.interval, s.start, s.frame, s.jumps,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Streams) Collect(out chan<- prometheus.Metric) {
	s.looking.Lock()
	defer s.looking.Unlock()
	var all []Stream
	var tell []told
	if s.book.limit.Load() > 0 {
		all, tell = s.book.look(s.state, time.Now)
	} else {
		all = s.state()
	}
	var backlog, gop float64
	for i := range all {
		backlog += float64(all[i].Backlog)
		gop += float64(all[i].GOP)
	}
	out <- &sample{s.backlog, false, backlog, nil}
	out <- &sample{s.gop, false, gop, nil}
	for i := range tell {
		s.tell(out, &tell[i].labelled)
	}
}

func (s *Streams) tell(out chan<- prometheus.Metric, t *labelled) {
	out <- &sample{s.sent, true, t.now.sent, t.labels}
	for protocol, n := range t.players {
		out <- &sample{s.players, false, float64(n), []*dto.LabelPair{t.labels[0], pair("protocol", protocol), t.labels[1]}}
	}
	if t.owned {
		out <- &sample{s.received, true, t.now.received, t.labels}
		out <- &sample{s.jumps, true, t.now.jumps, t.labels}
	}
	o := t.owner
	if o == nil {
		return
	}
	out <- &sample{s.info, false, 1, []*dto.LabelPair{
		t.labels[0], pair("audio_codec", codec(o.Audio)), t.labels[1], pair("video_codec", codec(o.Video)),
	}}
	out <- &sample{s.start, false, unix(o.Start), t.labels}
	if o.KeyframeInterval > 0 {
		out <- &sample{s.interval, false, o.KeyframeInterval.Seconds(), t.labels}
	}
	if !o.LastFrame.IsZero() {
		out <- &sample{s.frame, false, unix(o.LastFrame), t.labels}
	}
}

// A sample is a value of a series. Those of package prometheus make the labels anew for each.
type sample struct {
	desc    *prometheus.Desc
	counter bool // else it is a gauge
	value   float64
	labels  []*dto.LabelPair // by name; not to be changed
}

// Desc implements prometheus.Metric.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s *sample) Write(out *dto.Metric) error {
	out.Label = s.labels
	if s.counter {
		out.Counter = &dto.Counter{Value: &s.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}

func pair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

func streamLabels(app, name string) []*dto.LabelPair {
	return []*dto.LabelPair{pair("app", app), pair("stream", name)}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }

// codecs are the values of the labels video_codec and audio_codec, besides "other", and "" for a stream without.
var codecs = map[string]bool{
	"": true, "h264": true, "hevc": true, "vvc": true, "av1": true, "vp8": true, "vp9": true, "flv1": true, "vp6f": true, "vp6a": true, "flashsv": true, "flashsv2": true,
	"aac": true, "mp3": true, "opus": true, "flac": true, "ac3": true, "eac3": true, "speex": true, "nellymoser": true, "pcm": true, "pcm_s16le": true,
	"pcm_alaw": true, "pcm_mulaw": true, "adpcm_swf": true,
}

func codec(name string) string {
	if !codecs[name] {
		return kindOther
	}
	return name
}
