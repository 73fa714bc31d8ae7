package worker

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// measureStreams makes the metrics of single streams. It comes before the hub, which tells the last of each.
func (w *Worker) measureStreams() (err error) {
	w.streamMetrics, err = w.metrics.ObserveStreams(w.start.Config.Metrics.Streams, func() []metrics.Stream {
		by := w.playersBy()
		all := w.hub.Streams()
		out := make([]metrics.Stream, len(all))
		for i := range all {
			out[i] = streamMetrics(&all[i], by[all[i].Key])
		}
		return out
	})
	return err
}

// streamGone is called by the hub, with its locks held, when it forgets a stream.
func (w *Worker) streamGone(last live.Info) {
	w.streamMetrics.Gone(streamMetrics(&last, nil))
	w.outgoing.add(last.Key, last.Viewed)
}

// streamMetrics is what the metrics tell of a stream that by says the players of, by protocol.
func streamMetrics(i *live.Info, by map[string]int) metrics.Stream {
	app, name := names.Split(i.Key)
	s := metrics.Stream{
		App: app, Name: name, Instance: i.Number, Fed: i.Feed != "", WasFed: i.WasFed, Players: by,
		Received: i.Published, Sent: i.Viewed, Jumps: i.AllJumps, Backlog: int(i.Backlog), GOP: i.GOP.Bytes,
	}
	if i.Feed == "publisher" {
		s.Owner = &metrics.Owner{Video: i.Video, Audio: i.Audio, KeyframeInterval: i.GOP.Interval, Start: i.Since, LastFrame: i.LastFrame}
	}
	return s
}

// noteRestarts tells how the processes before this one ended.
func (w *Worker) noteRestarts() {
	for reason, n := range w.start.Ends {
		w.metrics.WorkerRestarts.WithLabelValues(metrics.RestartReason(reason)).Add(float64(n))
	}
	w.noteReload(w.start.Reload.At, w.start.Reload.OK, w.start.Reload.Loaded)
}

// noteReload tells how the last attempt went to load the configuration, unless a later one is known already.
func (w *Worker) noteReload(at time.Time, ok bool, loaded time.Time) {
	if at.Before(w.reloaded) {
		return
	}
	w.reloaded = at
	successful := 0.
	if ok {
		successful = 1
	}
	w.metrics.ReloadSuccessful.Set(successful)
	w.metrics.ReloadSuccessTime.Set(float64(loaded.UnixMilli()) / 1e3)
}
