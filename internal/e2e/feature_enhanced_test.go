package e2e

import (
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// Packet types of enhanced payloads (Enhanced RTMP v2 "VideoPacketType", "AudioPacketType").
const (
	exSequenceStart   = 0
	exCodedFrames     = 1
	exSequenceEnd     = 2
	exFramesX         = 3
	exMetadata        = 4
	exVideoMultitrack = 6
	exAudioMultitrack = 5
	exModEx           = 7
)

// Frame types (Enhanced RTMP v2 "VideoFrameType").
const (
	exKey   = 1
	exInter = 2
)

// exVideo is an enhanced video payload (Enhanced RTMP v2 "ExVideoTagHeader").
func exVideo(frameType, packet byte, fourCC, body string) []byte {
	return append([]byte{0x80 | frameType<<4 | packet}, fourCC+body...)
}

// exAudio is an enhanced audio payload ("ExAudioTagHeader").
func exAudio(packet byte, fourCC, body string) []byte {
	const exHeader = 9
	return append([]byte{exHeader<<4 | packet}, fourCC+body...)
}

// modified puts modifiers before an enhanced payload ("ModEx"): an offset in nanoseconds, and one of a kind to come, that is longer than 255 bytes.
func modified(p []byte) []byte {
	const (
		nanoseconds = 0
		unknown     = 9
		long        = 300
	)
	packet := p[0] & 0x0f
	out := []byte{p[0]&0xf0 | exModEx, 3 - 1, 0x01, 0x02, 0x03, nanoseconds<<4 | exModEx}
	out = append(out, 255, (long-1)>>8, (long-1)&0xff)
	out = append(out, noise[:long]...)
	out = append(out, unknown<<4|packet)
	return append(out, p[1:]...)
}

const fourCCSize = 4

// onTrack makes an enhanced payload one of a track ("AvMultitrackType.OneTrack").
func onTrack(p []byte, multitrack, track byte) []byte {
	const oneTrack = 0
	out := []byte{p[0]&0xf0 | multitrack, oneTrack<<4 | p[0]&0x0f}
	out = append(out, p[1:1+fourCCSize]...)
	return append(append(out, track), p[1+fourCCSize:]...)
}

// onTracks puts payloads of one type into one, of as many tracks: of one codec, which is said once ("ManyTracks"), or each with its own
// ("ManyTracksManyCodecs").
func onTracks(multitrack byte, ownCodecs bool, all ...[]byte) []byte {
	const manyTracks, manyCodecs = 1, 2
	out := []byte{all[0][0]&0xf0 | multitrack, manyTracks<<4 | all[0][0]&0x0f}
	if ownCodecs {
		out[1] = manyCodecs<<4 | all[0][0]&0x0f
	} else {
		out = append(out, all[0][1:1+fourCCSize]...)
	}
	for track, p := range all {
		if ownCodecs {
			out = append(out, p[1:1+fourCCSize]...)
		}
		body := p[1+fourCCSize:]
		out = append(out, byte(track), byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
		out = append(out, body...)
	}
	return out
}

// announced is what a client says in connect that knows all of this (Enhanced RTMP v2 "Enhancing NetConnection connect Command").
var announced = amf0.Object{
	{Key: "fourCcList", Value: amf0.StrictArray{"hvc1", "av01", "vp09", "avc1", "Opus", "fLaC", "ac-3", "mp4a"}},
	{Key: "videoFourCcInfoMap", Value: amf0.Object{{Key: "*", Value: 4.0}, {Key: "hvc1", Value: 7.0}}},
	{Key: "audioFourCcInfoMap", Value: amf0.Object{{Key: "*", Value: 4.0}, {Key: "Opus", Value: 7.0}}},
	{Key: "capsEx", Value: float64(capsMultitrack | capsModEx)},
}

// An enhancedStream is what one encoder sends.
type enhancedStream struct {
	name         string
	headers      []rtmp.Message // what a player needs before the first frame, in any order
	key, inter   [][]byte       // what stands for one picture
	sound        [][]byte       // and for one piece of sound
	video, audio string         // codecs as the API names them
}

// gop is one second of the stream, of few frames, from a keyframe on.
func (e *enhancedStream) gop(second uint32) []rtmp.Message {
	const frames = 5
	var out []rtmp.Message
	add := func(kind rtmp.MessageType, at uint32, payloads [][]byte) {
		for _, p := range payloads {
			// Each differs from every other.
			payload := append(append([]byte(nil), p...), byte(second), byte(at), byte(at>>8), byte(len(out)))
			out = append(out, rtmp.Message{Type: kind, Timestamp: at, Payload: payload})
		}
	}
	for i := range uint32(frames) {
		at := second*1000 + i*1000/frames
		picture := e.inter
		if i == 0 {
			picture = e.key
		}
		add(rtmp.TypeVideo, at, picture)
		add(rtmp.TypeAudio, at+10, e.sound)
	}
	return out
}

func videoHeaders(payloads ...[]byte) []rtmp.Message { return headersOf(rtmp.TypeVideo, payloads) }
func audioHeaders(payloads ...[]byte) []rtmp.Message { return headersOf(rtmp.TypeAudio, payloads) }

func headersOf(kind rtmp.MessageType, payloads [][]byte) []rtmp.Message {
	var out []rtmp.Message
	for _, p := range payloads {
		out = append(out, rtmp.Message{Type: kind, Payload: p})
	}
	return out
}

// simple is a stream of one video and one audio track.
func simple(video, audio, videoName, audioName string) enhancedStream {
	const composition = "\x00\x00\x21" // of hvc1 and avc1 alone, but nobody looks
	e := enhancedStream{
		name:    video + "+" + audio,
		headers: videoHeaders(exVideo(exKey, exSequenceStart, video, "\x01config of video")),
		key:     [][]byte{exVideo(exKey, exCodedFrames, video, composition+"key")},
		inter:   [][]byte{exVideo(exInter, exFramesX, video, "inter")},
		sound:   [][]byte{exAudio(exCodedFrames, audio, "sound")},
		video:   videoName, audio: audioName,
	}
	if audio != "ac-3" { // which has none
		e.headers = append(e.headers, audioHeaders(exAudio(exSequenceStart, audio, "config of audio"))...)
	}
	return e
}

// enhancedStreams are what the tests publish.
func enhancedStreams() []enhancedStream {
	hevc := func(frame, packet byte, body string) []byte { return exVideo(frame, packet, "hvc1", body) }
	opus := func(packet byte, body string) []byte { return exAudio(packet, "Opus", body) }
	streams := []enhancedStream{
		simple("hvc1", "Opus", "hevc", "opus"), simple("av01", "fLaC", "av1", "flac"), simple("vp09", "ac-3", "vp9", "ac3"),
		simple("avc1", "mp4a", "h264", "aac"), simple("zzzz", "yyyy", "zzzz", "yyyy"),
	}
	colours := simple("hvc1", "mp4a", "hevc", "aac")
	colours.name = "colours"
	colours.headers = append(colours.headers, videoHeaders(hevc(0, exMetadata, "\x02\x00\x09colorInfo\x05"))...)

	modEx := enhancedStream{
		name:    "ModEx",
		headers: append(videoHeaders(modified(hevc(exKey, exSequenceStart, "config"))), audioHeaders(modified(opus(exSequenceStart, "config")))...),
		key:     [][]byte{modified(hevc(exKey, exCodedFrames, "\x00\x00\x00key"))},
		inter:   [][]byte{modified(hevc(exInter, exFramesX, "inter"))},
		sound:   [][]byte{modified(opus(exCodedFrames, "sound"))},
		video:   "hevc", audio: "opus",
	}
	// A default track and another one in messages of its own, as encoders do that send renditions.
	tracks := enhancedStream{
		name: "tracks",
		headers: append(videoHeaders(hevc(exKey, exSequenceStart, "config"), onTrack(hevc(exKey, exSequenceStart, "config 1"), exVideoMultitrack, 1)),
			audioHeaders(opus(exSequenceStart, "config"), onTrack(opus(exSequenceStart, "config 1"), exAudioMultitrack, 1))...),
		key:   [][]byte{hevc(exKey, exCodedFrames, "\x00\x00\x00key"), onTrack(hevc(exKey, exCodedFrames, "\x00\x00\x00key 1"), exVideoMultitrack, 1)},
		inter: [][]byte{hevc(exInter, exFramesX, "inter"), onTrack(hevc(exInter, exFramesX, "inter 1"), exVideoMultitrack, 1)},
		sound: [][]byte{opus(exCodedFrames, "sound"), onTrack(opus(exCodedFrames, "sound 1"), exAudioMultitrack, 1)},
		video: "hevc", audio: "opus",
	}
	together := enhancedStream{
		name: "tracks together",
		headers: append(videoHeaders(onTracks(exVideoMultitrack, true, hevc(exKey, exSequenceStart, "config"), exVideo(exKey, exSequenceStart, "av01", "config 1"))),
			audioHeaders(onTracks(exAudioMultitrack, false, opus(exSequenceStart, "config"), opus(exSequenceStart, "config 1")))...),
		key:   [][]byte{onTracks(exVideoMultitrack, true, hevc(exKey, exCodedFrames, "\x00\x00\x00key"), exVideo(exKey, exCodedFrames, "av01", "key 1"))},
		inter: [][]byte{onTracks(exVideoMultitrack, true, hevc(exInter, exFramesX, "inter"), exVideo(exInter, exCodedFrames, "av01", "inter 1"))},
		sound: [][]byte{onTracks(exAudioMultitrack, false, opus(exCodedFrames, "sound"), opus(exCodedFrames, "sound 1"))},
		video: "hevc", audio: "opus",
	}
	return append(streams, colours, modEx, tracks, together)
}
