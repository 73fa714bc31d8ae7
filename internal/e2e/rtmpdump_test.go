package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// rtmpdump, which is librtmp, plays from a worker that relays, and gets every message.
func TestRTMPDumpPlays(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	publisher := publish(t, s.rtmpURL(0, "live/dump"))
	publisher.source.noMarkers = true // librtmp throws away data that it does not know
	sending := publisher.goLive()
	file := filepath.Join(t.TempDir(), "dump.flv")
	dump := run(t, "rtmpdump", "--quiet", "--live", "--rtmp", s.rtmpURL(1, "live/dump"), "--flv", file)
	waitFor(t, 2*soon, "two seconds of video in rtmpdump's file", func() string {
		dump.mustRun()
		content, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		var tracker tracker
		for _, m := range flvMessages(content) {
			if err := tracker.message(&m); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := tracker.seen()
		if frames := got.kinds[keyframe] + got.kinds[interframe]; frames < 2*gopFrames {
			return fmt.Sprintf("%d frames", frames)
		}
		return ""
	})
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
}

// flvMessages are the whole tags of an FLV file that is still being written (FLV 10.1, E.3, E.4.1):
//
//	 0      1      4           7                8           11     11+size
//	+------+------+-----------+----------------+-----------+--...--+-------------------+
//	| type | size | timestamp | its upper byte | stream id | data  | previous tag size |
//	+------+------+-----------+----------------+-----------+--...--+-------------------+
func flvMessages(file []byte) []rtmp.Message {
	const fileHeader, tagHeader, trailer = 13, 11, 4
	var found []rtmp.Message
	for tags := file[min(len(file), fileHeader):]; len(tags) >= tagHeader; {
		size := int(tags[1])<<16 | int(tags[2])<<8 | int(tags[3])
		if len(tags) < tagHeader+size+trailer {
			break
		}
		found = append(found, rtmp.Message{
			Type:      rtmp.MessageType(tags[0]),
			Timestamp: uint32(tags[7])<<24 | uint32(tags[4])<<16 | uint32(tags[5])<<8 | uint32(tags[6]),
			Payload:   tags[tagHeader : tagHeader+size],
		})
		tags = tags[tagHeader+size+trailer:]
	}
	return found
}
