package master

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// resizeTime bounds how long publishers may have to wait while the zone is exchanged. A worker that has not followed by then is stuck.
const resizeTime = 2 * time.Second

// resize gives the zone other sizes, with all the streams in it. Publishers that come or go meanwhile wait. Called with exchange held.
func (m *Master) resize(was, to config.StreamZone, running map[int]*process) error {
	sizes := streamzone.Config{Buckets: to.Buckets, Streams: to.Streams, NameMax: was.NameMax}
	done, err := m.keeper.Resize(sizes, resizeTime, func(f *os.File) error {
		var errs []error
		for _, p := range running {
			errs = append(errs, p.follow(f))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("the stream zone can't have %d buckets for %d streams, now that %d live: %w", to.Buckets, to.Streams, m.keeper.Zone().State().Live, err)
	}
	runtime.GC() // with which our mapping of the old zone goes; its memory, when the workers' have gone too
	if err := m.link.publish(m.keeper.File()); err != nil {
		m.log.Warn("rtmp-edge zone will not find the stream zone", logging.Error, err)
	}
	m.log.Info("stream zone resized", "buckets", to.Buckets, "streams", to.Streams, "was_buckets", was.Buckets, "was_streams", was.Streams,
		"live", done.Live, "publishers_waited", done.Frozen.Round(time.Microsecond))
	return nil
}
