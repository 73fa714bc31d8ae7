package bench

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// audioConfig is the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): AAC-LC, 44.1 kHz, mono.
var audioConfig = []byte{0x12, 0x08}

// Audio is at 44.1 kHz, of which a frame has 1024 samples.
const (
	sampleRate      = 44100
	samplesPerFrame = 1024
)

// First bytes of payloads (FLV §E.4.2.1, §E.4.3.1): AAC; AVC keyframe and inter frame.
const (
	tagAAC      = 0xaf
	tagKeyframe = 0x17
	tagInter    = 0x27
)

// Bounds of payloads: the stamp and what is around it.
const (
	minAudioSize = 2 + 7 + stampSize + 1
	minVideoSize = 5 + 4 + 4 + stampSize + 4 + 12
	minKeySize   = minVideoSize + macroblocks + 8
)

// videoHeader is the AVC sequence header: AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.2.4.1).
func videoHeader(fps int) []byte {
	s, p := sps(fps), pps()
	out := []byte{tagKeyframe, 0, 0, 0, 0, 1, s[1], s[2], s[3], 0xff, 0xe1}
	out = append(binary.BigEndian.AppendUint16(out, uint16(len(s))), s...)
	return append(binary.BigEndian.AppendUint16(append(out, 1), uint16(len(p))), p...)
}

// audioHeader is the AAC sequence header.
func audioHeader() []byte { return append([]byte{tagAAC, 0}, audioConfig...) }

// metadata is an onMetaData as publishers send it.
func metadata(fps int, video, audio float64) ([]byte, error) {
	var out []byte
	for _, v := range []any{"@setDataFrame", "onMetaData", amf0.ECMAArray{
		{Key: "width", Value: float64(Width)},
		{Key: "height", Value: float64(Height)},
		{Key: "framerate", Value: float64(fps)},
		{Key: "videocodecid", Value: 7.0},
		{Key: "videodatarate", Value: video / 1000},
		{Key: "audiocodecid", Value: 10.0},
		{Key: "audiodatarate", Value: audio / 1000},
		{Key: "audiosamplerate", Value: float64(sampleRate)},
		{Key: "audiosamplesize", Value: 16.0},
		{Key: "stereo", Value: false},
		{Key: "encoder", Value: "rtmp-edge bench"},
	}} {
		var err error
		if out, err = amf0.Append(out, v); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
	}
	return out, nil
}

// appendMessage appends the payload that a stamp describes.
func appendMessage(dst []byte, s *stamp) []byte {
	if s.kind == kindAudio {
		return appendAudio(dst, s)
	}
	return appendVideo(dst, s)
}

// appendVideo appends an AVC frame: an SEI message "user_data_unregistered" (H.264 §D.1.6), then the slice.
//
//	tag (5) | length (4) | 06 05 size … | stamp, filling | 80 | length (4) | slice
//
// The size of an SEI message can't be everything: the payload may be a byte shorter than it should.
func appendVideo(dst []byte, s *stamp) []byte {
	tag, slice := byte(tagInter), skipped(s.frame)
	if s.frame == 0 {
		tag, slice = tagKeyframe, idr(s.gop)
	}
	room := int(s.size) - (5 + 4 + 2 + 1 + 4 + len(slice)) // for the SEI's size, and what it counts: n + n/255 + 1
	n := max(room-1-(room-1)/256, stampSize)
	if n+n/255+1 > room && n > stampSize {
		n--
	}
	dst = append(dst, tag, 1, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(2+n/255+1+n+1))
	dst = append(dst, nalSEI, 5)
	for range n / 255 {
		dst = append(dst, 255)
	}
	dst = append(dst, byte(n%255))
	dst = s.fill(s.append(dst), n-stampSize)
	dst = binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(len(slice)))
	return append(dst, slice...)
}

// appendAudio appends a frame of silence (ISO/IEC 14496-3 §4.4.2.1 "raw_data_block"): a channel without spectrum, then data stream elements, the
// first of which begins with the stamp. It may be three bytes shorter than it should.
func appendAudio(dst []byte, s *stamp) []byte {
	w := bitWriter{out: append(dst, tagAAC, 1)}
	w.u(3, 0)   // ID_SCE
	w.u(4, 0)   // element_instance_tag
	w.u(8, 100) // global_gain
	w.u(4, 0)   // ics_info: one long window
	w.u(6, 0)   // max_sfb: no spectrum
	w.u(4, 0)   // no prediction, pulses, noise shaping, gain control
	left := int(s.size) - 2 - 4 - 1
	n, head := w.dataElement(max(left, stampSize+2))
	w.out = s.fill(s.append(w.out), n-stampSize)
	for more := *s; ; { // of the stamp, only what the filling follows from
		left -= head + n
		if left <= 3 {
			break
		}
		more.frame++
		n, head = w.dataElement(left)
		w.out = more.fill(w.out, n)
	}
	w.u(3, 7) // ID_END
	w.align()
	return w.out
}

// dataElement appends the head of a data stream element (ISO/IEC 14496-3 §4.4.2.7), which is to take so many bytes with its head, and returns how
// many bytes of data are to follow, and how many the head has where it begins with a byte.
func (w *bitWriter) dataElement(size int) (n, head int) {
	const most = 255 + 255
	n, head = min(size-2, 254), 2
	if size-3 >= 255 {
		n, head = min(size-3, most), 3
	}
	w.u(3, 4) // ID_DSE
	w.u(4, 0) // element_instance_tag
	w.u(1, 1) // data_byte_align_flag
	w.u(8, uint64(min(n, 255)))
	if n >= 255 {
		w.u(8, uint64(n-255)) // esc_count
	}
	w.align()
	return n, head
}

// streamID tells streams apart by the last part of their names, which a server keeps whatever protocol it serves them by.
func streamID(name string) uint32 {
	name, _, _ = strings.Cut(name, "?")
	name = name[strings.LastIndexByte(name, '/')+1:]
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.TrimSuffix(name, ".flv"))) // a hash takes all
	return h.Sum32()
}
