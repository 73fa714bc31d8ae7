package worker

import (
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/httpplay"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// direct hands the socket of a viewer of HTTP-FLV over to the fan-out, and waits for the end of it or of the peer. All that is answered goes
// through the fan-out.
func (v *viewer) direct(o live.PlayOptions) error {
	var player *live.Player
	sent := v.w.metrics.sent(v.protocol, metrics.RolePlayer)
	o.Sink = v.out.sink
	o.Opening = func() []byte { return httpplay.Head(httpplay.FLV.ContentType(), v.header, time.Now()) }
	o.Sent = func(bytes int) { sent.Add(float64(bytes)) }
	o.Started = func(wait time.Duration) { v.joined(v.stream, wait) }
	o.Farewell = func(r live.EndReason) {
		_ = player.Control(v.refusal(r)) // not sent to who got media
	}
	player = live.NewPlayer(o)
	if err := v.play(player); err != nil {
		return err
	}
	return v.hear()
}
