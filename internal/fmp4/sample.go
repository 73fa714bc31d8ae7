package fmp4

// A frame is audio or video as it is to be written, with the time that FLV gives it.
type frame struct {
	config      *config
	video       bool
	sync        bool // decoding may start here
	at          int64
	composition int32  // video: milliseconds
	samples     int64  // audio: how many it has, in the track's timescale
	data        []byte // as in the MP4
}

// A sample is a frame with its place in the timeline of the MP4, in units of its track's timescale.
type sample struct {
	dts    int64
	offset int32 // how much later it is shown
	sync   bool
	data   []byte
}

// maxTime bounds timestamps, in milliseconds, so that their products don't overflow: 557 years.
const maxTime = 1 << 44

// A clock makes 64 bits of the 32 of timestamps, which wrap after 49 days. Audio and video have it in common.
type clock struct {
	begun bool
	last  int64
}

func (c *clock) at(timestamp uint32) int64 {
	if !c.begun {
		c.begun, c.last = true, int64(timestamp)
	}
	at := min(max(0, c.last+int64(int32(timestamp-uint32(c.last)))), maxTime)
	c.last = at
	return at
}
