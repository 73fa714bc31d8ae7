package worker

import (
	"errors"
	"net/http"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/fmp4"
	"github.com/rtmp-edge/rtmp-edge/internal/httpplay"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// fragments are the format of fragmented MP4.
type fragments struct{ *viewer }

// carry implements format. The head of the answer says which codecs there are, so it waits for them.
func (f *fragments) carry(from *live.Pipe) error {
	begun := false
	var headErr error
	_, err := fmp4.Remux(&f.out, from, fmp4.Options{Started: func(contentType string) {
		begun = true
		_, headErr = f.out.Write(httpplay.Head(contentType, f.header, time.Now()))
		f.begin()
	}})
	ending := f.endedBy()
	_, ordered := farewells[ending]
	switch {
	case headErr != nil:
		return headErr
	case errors.Is(err, fmp4.ErrChanged):
		return refused{metrics.CloseRefused, err}
	case begun:
		return err
	case ordered:
		f.dismiss(ending)
		return nil
	case errors.Is(err, fmp4.ErrNoTrack):
		f.unplayable.Store(true)
		_, _ = f.out.Write(httpplay.Refusal(http.StatusUnsupportedMediaType, "MP4 has no place for this stream's codecs.", f.header, time.Now()))
		return refused{metrics.CloseRefused, err}
	}
	return err
}

// dismiss implements format.
func (f *fragments) dismiss(r live.EndReason) { _, _ = f.out.Write(f.refusal(r)) }
