package metrics

import (
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
)

// What package live counts gets into labels as it is.
func TestValuesOfLive(t *testing.T) {
	for got, want := range map[string]string{
		string(live.DropLag):               DropLag,
		string(live.DropNoKeyframe):        DropNoKeyframe,
		string(live.DiscontinuityForward):  DiscontinuityForward,
		string(live.DiscontinuityBackward): DiscontinuityBackward,
		string(live.DiscontinuitySmall):    DiscontinuitySmall,
		string(live.LimitGOP):              LimitGOP,
		string(live.LimitHeaderSize):       LimitHeaderSize,
		string(live.LimitTracks):           LimitTracks,
		string(live.LimitControl):          LimitControl,
	} {
		if got != want {
			t.Errorf("package live says %q, and the label is %q", got, want)
		}
	}
}
