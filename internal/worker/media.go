package worker

import (
	"cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/codecs"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
)

// videoInfo describes a stream's video; nil without any. A sequence header that can't be read tells less.
func videoInfo(s *live.Info) *api.VideoInfo {
	if s.Video == "" && s.VideoHeader == nil {
		return nil
	}
	v := &api.VideoInfo{Codec: s.Video, FPS: s.Rates.FPS, Bitrate: s.Rates.Bitrate[live.Video]}
	if s.VideoHeader != nil {
		d, _ := codecs.DescribeVideo(s.VideoHeader)
		v.Codec = cmp.Or(v.Codec, d.Codec)
		v.String, v.Profile, v.Level, v.Width, v.Height = d.String, d.Profile, d.Level, d.Width, d.Height
	}
	return v
}

// audioInfo describes a stream's audio; nil without any.
func audioInfo(s *live.Info) *api.AudioInfo {
	if s.Audio == "" && s.AudioHeader == nil {
		return nil
	}
	a := &api.AudioInfo{Codec: s.Audio, Bitrate: s.Rates.Bitrate[live.Audio]}
	if s.AudioHeader != nil {
		d, _ := codecs.DescribeAudio(s.AudioHeader)
		a.Codec = cmp.Or(a.Codec, d.Codec)
		a.String, a.Profile, a.SampleRate, a.Channels = d.String, d.Profile, d.SampleRate, d.Channels
	}
	return a
}
