package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A publishing program encodes some seconds of its own in real time, publishes them, and ends. It keeps a copy of what it sends.
type publishing struct {
	name    string
	publish func(t testing.TB, url string) (p *process, sent string)
}

const publishSeconds = 4

var publishingPrograms = []publishing{
	{"ffmpeg", publishFFmpeg},
	{"rtmp2sink", publishRTMP2Sink},
	{"rtmpsink", publishRTMPSink},
	{"vlc", publishVLC},
}

func publishFFmpeg(t testing.TB, url string) (p *process, sent string) {
	t.Helper()
	sent = filepath.Join(t.TempDir(), "sent.flv")
	args := slices.Concat([]string{"-hide_banner", "-nostdin", "-loglevel", "warning", "-re"}, testPicture, []string{"-re"}, testSound,
		[]string{"-t", fmt.Sprint(publishSeconds)}, encoders,
		[]string{"-flags", "+global_header", "-map", "0:v", "-map", "1:a", "-f", "tee", "[f=flv]" + url + "|[f=flv]" + sent})
	return run(t, "ffmpeg", args...), sent
}

func publishRTMP2Sink(t testing.TB, url string) (p *process, sent string) {
	t.Helper()
	return publishGStreamer(t, "rtmp2sink location="+url)
}

// GStreamer's older element is librtmp.
func publishRTMPSink(t testing.TB, url string) (p *process, sent string) {
	t.Helper()
	return publishGStreamer(t, "rtmpsink location="+url)
}

func publishGStreamer(t testing.TB, sink string) (p *process, sent string) {
	t.Helper()
	sent = filepath.Join(t.TempDir(), "sent.flv")
	const samples = 1024 // of one AAC frame
	return gstreamer(t, fmt.Sprintf("flvmux name=mux streamable=true ! tee name=both ! queue ! %s both. ! queue ! filesink location=%s"+
		" videotestsrc is-live=true pattern=ball num-buffers=%d ! video/x-raw,width=320,height=180,framerate=%d/1"+
		" ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=%d ! h264parse ! queue ! mux."+
		" audiotestsrc is-live=true num-buffers=%d samplesperbuffer=%d ! audio/x-raw,rate=44100,channels=1 ! avenc_aac ! aacparse ! queue ! mux.",
		sink, sent, publishSeconds*clipRate, clipRate, clipRate, publishSeconds*44100/samples, samples)), sent
}

func publishVLC(t testing.TB, url string) (p *process, sent string) {
	t.Helper()
	dir := vlcHome(t)
	sent = filepath.Join(dir, "sent.flv")
	const encode, mux = "transcode{vcodec=h264,venc=x264{preset=ultrafast,keyint=15},acodec=mp4a,ab=64}", "mux=ffmpeg{mux=flv}"
	return vlc(t, dir, makeClip(t, dir, publishSeconds).file, "--sout",
		"#"+encode+":duplicate{dst=std{access=rtmp,"+mux+",dst="+url+"},dst=std{access=file,"+mux+",dst="+sent+"}}"), sent
}

// What a program publishes reaches ffmpeg on another worker packet by packet, and can be decoded; our own client gets the
// same messages on both workers. The program ends the publication in order, and the players end with it.
func TestInteropPublish(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 60s, republish_wait: 1s"})
	for _, program := range publishingPrograms {
		t.Run(program.name, func(t *testing.T) {
			t.Parallel()
			testInteropPublish(t, s, program)
		})
	}
}

func testInteropPublish(t *testing.T, s *server, program publishing) {
	const owner, other = 0, 1
	stream := "live/publish-" + program.name
	recorder, recorded := ffmpegRecord(t, s.rtmpURL(other, stream))
	near, far := watch(t, s.rtmpURL(owner, stream)), watch(t, s.rtmpURL(other, stream))
	s.awaitPlayers(t, stream, 3)

	publisher, sent := program.publish(t, s.rtmpURL(owner, stream))
	s.awaitStream(t, stream, func(info streamInfo, _ bool) string {
		if info.Publisher == nil || *info.OwnerSlot != owner || info.VideoCodec != "h264" || info.AudioCodec != "aac" {
			publisher.mustRun()
			return fmt.Sprintf("not live with H.264 and AAC: %+v", info)
		}
		return ""
	})
	publisher.wait(publishSeconds*time.Second + 2*soon)
	recorder.wait(2 * soon)
	packets := samePacketsSent(t, sent, recorded)
	r := decode(t, recorded)
	if len(r.pictures) != packets {
		t.Errorf("%d pictures of %d", len(r.pictures), packets)
	}
	r.hasSound(t, clipRate)
	for _, viewer := range []*player{near, far} {
		if codes := viewer.awaitEnd(soon); !slices.Contains(codes, rtmp.CodePlayUnpublishNotify) {
			t.Errorf("%s was told %v, not %s", viewer.name, codes, rtmp.CodePlayUnpublishNotify)
		}
	}
	if diff := differentFrames(near.keptMessages(), far.keptMessages()); diff != "" {
		t.Errorf("on the publisher's worker and on another: %s", diff)
	}
}

// ffmpegRecord has ffmpeg keep what it plays, as it is.
func ffmpegRecord(t testing.TB, url string) (p *process, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "recorded.flv")
	return run(t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-i", url, "-map", "0:v", "-map", "0:a", "-c", "copy", file), file
}

// samePacketsSent fails the test unless what was recorded is what was sent, from a keyframe on: the first, or one that is little later,
// where a busy machine was late with the relay. It returns how many video packets that are.
func samePacketsSent(t testing.TB, sent, recorded string) int {
	t.Helper()
	want, got := packetSums(t, sent), packetSums(t, recorded)
	video := len(want["video"]) - len(got["video"])
	if len(want["video"]) != publishSeconds*clipRate {
		t.Errorf("%d video packets were sent instead of %d", len(want["video"]), publishSeconds*clipRate)
	}
	if video < 0 || video > len(want["video"])/2 || !slices.Equal(want["video"][video:], got["video"]) {
		t.Errorf("%d video packets were sent, and %d others recorded", len(want["video"]), len(got["video"]))
	}
	audio := len(want["audio"]) - len(got["audio"])
	if audio < 0 || audio > len(want["audio"])/2 || !slices.Equal(want["audio"][audio:], got["audio"]) {
		t.Errorf("%d audio packets were sent, and %d others recorded", len(want["audio"]), len(got["audio"]))
	}
	return len(got["video"])
}

// differentFrames says where the messages of two players differ, from the first frame on that the second has. What comes before,
// a player who joins later gets with other timestamps.
func differentFrames(near, far []rtmp.Message) string {
	begin := slices.IndexFunc(far, func(m rtmp.Message) bool { return isAVCFrame(&m) })
	if begin < 0 {
		return "no frame on the other"
	}
	same := slices.IndexFunc(near, func(m rtmp.Message) bool {
		return m.Type == rtmp.TypeVideo && m.Timestamp == far[begin].Timestamp && bytes.Equal(m.Payload, far[begin].Payload)
	})
	if same < 0 {
		return fmt.Sprintf("the first frame of the other, at %d, is not there", far[begin].Timestamp)
	}
	return differentMessages(near[same:], far[begin:])
}

// packetSums are the sizes and checksums of the packets in a file, by kind.
func packetSums(t testing.TB, file string) map[string][]string {
	t.Helper()
	list := filepath.Join(t.TempDir(), "packets.framemd5")
	p := run(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-i", file,
		"-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framemd5", list)
	p.wait(2 * soon)
	found, _ := (&ffmpegPlayer{process: p, file: list}).packets()
	sums := map[string][]string{}
	for kind, packets := range found {
		for _, packet := range packets {
			_, sum, _ := strings.Cut(packet.rest, ",") // behind the time
			sums[kind] = append(sums[kind], sum)
		}
	}
	return sums
}
