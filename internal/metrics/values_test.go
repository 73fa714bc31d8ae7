package metrics

import (
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// What packages live and sign say gets into labels as it is.
func TestValuesOfOthers(t *testing.T) {
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
		string(sign.Publish):               AuthPublish,
		string(sign.Play):                  AuthPlay,
		sign.Kind(nil):                     AuthOK,
		sign.Kind(sign.ErrMissing):         AuthMissing,
		sign.Kind(sign.ErrExpired):         AuthExpired,
		sign.Kind(sign.ErrInvalid):         AuthInvalid,
	} {
		if got != want {
			t.Errorf("a package says %q, and the label is %q", got, want)
		}
	}
}
