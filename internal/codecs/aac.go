package codecs

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// maxRate is the highest sample rate that is believed.
const maxRate = 192000

// Audio object types (ISO 14496-3 table 1.17).
const (
	objectSBR = 5
	objectPS  = 29
)

var aacProfiles = map[int]string{
	1: "AAC Main", 2: "AAC LC", 3: "AAC SSR", 4: "AAC LTP", objectSBR: "HE-AAC", 23: "AAC LD", objectPS: "HE-AAC v2", 39: "AAC ELD", 42: "xHE-AAC",
}

var aacRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

var aacChannels = [...]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}

// specific reads an AudioSpecificConfig (ISO 14496-3 §1.6.2.1). What describes it is read here, as there are more kinds of it than the muxer takes.
func (c *AudioConfig) specific(p []byte) error {
	r := bitReader{p: p}
	object, rate, channels := r.object(), r.rate(), r.take(4)
	coded := object
	if object == objectSBR || object == objectPS { // said before the rest, "hierarchical"
		rate = r.rate()
		coded = r.object()
	}
	if r.broken {
		c.String = "mp4a.40"
		return fmt.Errorf("AudioSpecificConfig: %w", ErrTruncated)
	}
	if coded == 2 && object == coded {
		object, rate = r.laterExtension(object, rate)
	}
	c.String = fmt.Sprintf("mp4a.40.%d", object)
	c.Profile = aacProfiles[object]
	c.SampleRate = rate
	if int(channels) < len(aacChannels) {
		c.Channels = aacChannels[channels]
	}
	if object == objectPS {
		c.Channels = 2 // parametric stereo, coded as mono
	}
	var config mpeg4audio.AudioSpecificConfig
	if err := config.Unmarshal(p); err != nil {
		return fmt.Errorf("AudioSpecificConfig: %w", err)
	}
	if config.SampleRate < 1 || config.SampleRate > maxRate || c.SampleRate < 1 || c.SampleRate > maxRate {
		return fmt.Errorf("AudioSpecificConfig: %d Hz: %w", config.SampleRate, ErrUnsupported)
	}
	c.AAC = config
	return nil
}

// laterExtension reads what says behind the configuration of AAC LC that there is SBR or PS as well ("backward compatible", ISO 14496-3 §1.6.6.1).
func (r *bitReader) laterExtension(object, rate int) (int, int) {
	const syncSBR, syncPS = 0x2b7, 0x548
	r.take(1) // frameLengthFlag
	if r.take(1) == 1 {
		r.take(14)
	}
	r.take(1)
	if r.take(11) != syncSBR || r.object() != objectSBR || r.take(1) != 1 {
		return object, rate
	}
	extended := r.rate()
	if r.broken {
		return object, rate
	}
	if r.take(11) == syncPS && r.take(1) == 1 && !r.broken {
		return objectPS, extended
	}
	return objectSBR, extended
}

// A bitReader reads bits, the highest first. Behind the end there are zeros, and it is broken.
type bitReader struct {
	p      []byte
	at     int
	broken bool
}

func (r *bitReader) take(n int) (v uint32) {
	for range n {
		v <<= 1
		if r.at >= len(r.p)*8 {
			r.broken = true
			continue
		}
		v |= uint32(r.p[r.at/8]>>(7-r.at%8)) & 1
		r.at++
	}
	return v
}

// object reads an audio object type.
func (r *bitReader) object() int {
	if v := r.take(5); v != 31 {
		return int(v)
	}
	return 32 + int(r.take(6))
}

// rate reads a sample rate: an index, or 24 bits.
func (r *bitReader) rate() int {
	i := r.take(4)
	switch {
	case i == 15:
		return int(r.take(24))
	case int(i) < len(aacRates):
		return aacRates[i]
	}
	return 0
}
