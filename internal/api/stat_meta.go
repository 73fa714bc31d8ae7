package api

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// writeMeta describes the media. Profiles and codecs that nginx-rtmp has a name for have that; others have ours.
func writeMeta(w xmlWriter, l *LocalStream) {
	w.open("meta")
	w.open("video")
	v := cmp.Or(l.Video, &VideoInfo{})
	w.count("width", uint64(max(0, v.Width)))
	w.count("height", uint64(max(0, v.Height)))
	w.whole("frame_rate", v.FPS)
	w.some("codec", codecName(v.Codec))
	if p, ok := parseAVC(v.String); ok {
		w.some("profile", cmp.Or(avcProfiles[p.profile], v.Profile))
		w.count("compat", uint64(p.compat))
		w.text("level", fmt.Sprintf("%d.%d", p.level/10, p.level%10))
	} else {
		w.some("profile", v.Profile)
		w.some("level", v.Level)
	}
	w.close("video")
	w.open("audio")
	a := cmp.Or(l.Audio, &AudioInfo{})
	w.some("codec", codecName(a.Codec))
	w.some("profile", aacProfile(a))
	if a.Channels > 0 {
		w.count("channels", uint64(a.Channels))
	}
	if a.SampleRate > 0 {
		w.count("sample_rate", uint64(a.SampleRate))
	}
	w.close("audio")
	w.close("meta")
}

// codecName is a codec as nginx-rtmp names it (ngx_rtmp_get_video_codec_name, ngx_rtmp_get_audio_codec_name), if it does.
func codecName(codec string) string {
	if name, ok := codecNames[codec]; ok {
		return name
	}
	return strings.ToUpper(codec)
}

var codecNames = map[string]string{
	"flv1": "Sorenson-H263", "flashsv": "ScreenVideo", "vp6f": "On2-VP6", "vp6a": "On2-VP6-Alpha", "flashsv2": "ScreenVideo2",
	"pcm": "Uncompressed", "adpcm_swf": "ADPCM", "pcm_s16le": "LinearLE", "nellymoser": "Nellymoser", "pcm_alaw": "G711A",
	"pcm_mulaw": "G711U", "speex": "Speex", "opus": "Opus",
}

// avcProfiles are the profiles of H.264 that nginx-rtmp has names for.
var avcProfiles = map[byte]string{66: "Baseline", 77: "Main", 100: "High"}

// An avcString is what is in the codec string of H.264: avc1.PPCCLL, in hexadecimal (RFC 6381 §3.3).
type avcString struct{ profile, compat, level byte }

func parseAVC(s string) (avcString, bool) {
	if !strings.HasPrefix(s, "avc1.") {
		return avcString{}, false
	}
	b, err := hex.DecodeString(s[len("avc1."):])
	if err != nil || len(b) != 3 {
		return avcString{}, false
	}
	return avcString{b[0], b[1], b[2]}, true
}

// aacProfile is the profile of AAC as nginx-rtmp names it, by the object type in its codec string (RFC 6381 §3.3: mp4a.40.2).
func aacProfile(a *AudioInfo) string {
	object, ok := strings.CutPrefix(a.String, "mp4a.40.")
	if n, err := strconv.Atoi(object); ok && err == nil && aacProfiles[n] != "" {
		return aacProfiles[n]
	}
	return a.Profile
}

var aacProfiles = map[int]string{1: "Main", 2: "LC", 3: "SSR", 4: "LTP", 5: "HE", 29: "HEv2"}
