package e2e

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// A playing program writes what it plays into a file in dir, and ends of itself when the stream does.
type playing struct {
	name string
	play func(t testing.TB, url, dir string) (p *process, file string)
	drop int // so many pictures in a row it may leave out by itself
}

var playingPrograms = []playing{
	{"ffmpeg", playFFmpeg, 0},
	{"rtmpdump", playRTMPDump, 0},
	{"gstreamer", playGStreamer, 0},
	{"vlc", playVLC, 1}, // on a busy machine
}

func playFFmpeg(t testing.TB, url, dir string) (p *process, file string) {
	t.Helper()
	file = filepath.Join(dir, "ffmpeg.mkv")
	return run(t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-i", url,
		"-fps_mode", "passthrough", "-c:v", "ffv1", "-c:a", "pcm_s16le", file), file
}

// rtmpdump does not decode: it keeps what it gets.
func playRTMPDump(t testing.TB, url, dir string) (p *process, file string) {
	t.Helper()
	file = filepath.Join(dir, "rtmpdump.flv")
	return run(t, "rtmpdump", "--quiet", "--live", "--rtmp", url, "--flv", file), file
}

func playGStreamer(t testing.TB, url, dir string) (p *process, file string) {
	t.Helper()
	file = filepath.Join(dir, "gstreamer.mkv")
	return gstreamer(t, "rtmp2src location="+url+" ! flvdemux name=in matroskamux name=out ! filesink location="+file+
		" in.video ! queue ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=I420 ! out."+
		" in.audio ! queue ! aacparse ! avdec_aac ! audioconvert ! audio/x-raw,format=S16LE ! out."), file
}

// VLC writes pictures without loss: on a display it would leave some out when it is late.
func playVLC(t testing.TB, url, _ string) (p *process, file string) {
	t.Helper()
	dir := vlcHome(t)
	file = filepath.Join(dir, "vlc.mkv")
	return vlc(t, dir, url, "--sout",
		"#transcode{venc=avcodec{codec=ffv1},vcodec=FFV1,acodec=s16l}:std{access=file,mux=ffmpeg{mux=matroska},dst="+file+"}"), file
}

// Every program decodes all pictures of a stream, on the publisher's worker and on another, whether it waits for the
// publisher or joins it; and when the publisher goes, it ends of itself.
func TestInteropPlay(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 60s, republish_wait: 1s"})
	c := makeClip(t, t.TempDir(), 90)
	for _, program := range playingPrograms {
		t.Run(program.name, func(t *testing.T) {
			t.Parallel()
			testInteropPlay(t, s, c, program)
		})
	}
}

func testInteropPlay(t *testing.T, s *server, c *clip, program playing) {
	const owner, other = 0, 1
	stream := "live/play-" + program.name
	type started struct {
		*process
		name, file string
		worker     int
		joins      bool
	}
	var all []started
	begin := func(joins bool) {
		for _, worker := range []int{owner, other} {
			p, file := program.play(t, s.rtmpURL(worker, stream), t.TempDir())
			all = append(all, started{p, placeName(worker), file, worker, joins})
		}
	}
	viewer := watch(t, s.rtmpURL(owner, stream))
	begin(false)
	s.awaitPlayers(t, stream, 3)
	publisher := c.publish(t, s.rtmpURL(owner, stream))
	viewer.awaitVideo(2*soon, 1)
	begin(true)
	s.awaitPlayers(t, stream, 5)
	viewer.awaitVideo(2*soon, 3)
	interrupt(publisher)
	viewer.awaitEnd(soon)
	published := len(viewer.videoFrames())
	for _, p := range all {
		p.wait(2 * soon)
		r := decode(t, p.file)
		spans, err := c.spans(r, program.drop)
		switch {
		case err != nil || len(spans) != 1:
			t.Errorf("%s, joins %v: pictures are missing: %v, %v", p.name, p.joins, spans, err)
		case spans[0].from%clipRate != 0 || p.joins && spans[0].from == 0:
			t.Errorf("%s, joins %v: begins at picture %d", p.name, p.joins, spans[0].from)
		case !p.joins && p.worker == owner && spans[0].from != 0:
			t.Errorf("%s has waited for the stream, and begins at picture %d", p.name, spans[0].from)
		case spans[0].to != published:
			t.Errorf("%s, joins %v: ends before picture %d of %d", p.name, p.joins, spans[0].to, published)
		}
		r.hasSound(t, clipRate)
	}
}

// Every program goes on when the publisher comes back on another worker. When the server ends, so does it.
func TestInteropRepublish(t *testing.T) {
	t.Parallel()
	const stream, player = "live/back", 3
	s := start(t, options{live: "play_wait: 60s, republish_wait: 60s"})
	c := makeClip(t, t.TempDir(), 60)
	viewer := watch(t, s.rtmpURL(player, stream))
	files := make([]string, len(playingPrograms))
	var all []*process
	for i, program := range playingPrograms {
		p, file := program.play(t, s.rtmpURL(player, stream), t.TempDir())
		all, files[i] = append(all, p), file
	}
	s.awaitPlayers(t, stream, len(all)+1)
	for worker := range 2 {
		publisher := c.publish(t, s.rtmpURL(worker, stream))
		viewer.awaitVideo(2*soon, 3)
		interrupt(publisher)
	}
	s.stop()
	for _, p := range all {
		p.wait(2 * soon)
	}
	const least = 2 * clipRate
	for i, program := range playingPrograms {
		name := program.name
		spans, err := c.spans(decode(t, files[i]), program.drop)
		if err != nil || len(spans) != 2 {
			t.Errorf("%s has the pictures %v of two publishers: %v", name, spans, err)
			continue
		}
		for _, run := range spans {
			// On a busy machine the relay may be late for the first keyframe.
			if run.from%clipRate != 0 || run.to-run.from < least {
				t.Errorf("%s has the pictures %v of two publishers", name, spans)
			}
		}
	}
}

// ffprobe says of a stream what it is, and counts its frames to the end.
func TestInteropFFprobe(t *testing.T) {
	t.Parallel()
	const stream = "live/probed"
	s := start(t, options{live: "play_wait: 60s, republish_wait: 1s"})
	c := makeClip(t, t.TempDir(), 60)
	viewer := watch(t, s.rtmpURL(0, stream))
	var probes []*process
	for worker := range 2 {
		probes = append(probes, run(t, "ffprobe", "-loglevel", "error", "-count_frames", "-of", "json",
			"-show_entries", "stream=codec_name,width,height,sample_rate,nb_read_frames", s.rtmpURL(worker, stream)))
	}
	s.awaitPlayers(t, stream, 3)
	publisher := c.publish(t, s.rtmpURL(0, stream))
	viewer.awaitVideo(2*soon, 2)
	interrupt(publisher)
	viewer.awaitEnd(soon)
	published := len(viewer.videoFrames())
	for worker, p := range probes {
		p.wait(2 * soon)
		var found struct {
			Streams []struct {
				Codec  string `json:"codec_name"`
				Width  int    `json:"width"`
				Height int    `json:"height"`
				Rate   string `json:"sample_rate"`
				Frames int    `json:"nb_read_frames,string"`
			} `json:"streams"`
		}
		if err := json.Unmarshal([]byte(p.out.String()), &found); err != nil || len(found.Streams) != 2 {
			t.Fatalf("ffprobe said %s: %v", p.out.String(), err)
		}
		video, audio := found.Streams[0], found.Streams[1]
		late := published - video.Frames // the relay may be, on a busy machine
		if video.Codec != "h264" || video.Width != 320 || video.Height != 180 || late < 0 || late > worker*published/2 {
			t.Errorf("ffprobe found the video %+v, of %d frames", video, published)
		}
		if audio.Codec != "aac" || audio.Rate != "44100" || audio.Frames == 0 {
			t.Errorf("ffprobe found the audio %+v", audio)
		}
	}
}
