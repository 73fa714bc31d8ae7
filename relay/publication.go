package relay

import (
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// publicationProperty is the property of a relay's connect command (RTMP 1.0 §7.2.1.1) that names the publication it wants.
const publicationProperty = "rtmpEdgePublication"

// Publication returns the publication that a relay asks for in its connect command; ok is false for any other peer.
func Publication(r *rtmp.ConnectRequest) (id streamzone.ID, ok bool) {
	s, ok := r.Properties.String(publicationProperty)
	if !ok {
		return id, false
	}
	id, err := streamzone.ParseID(s)
	return id, err == nil
}

func connectRequest(app string, id streamzone.ID) rtmp.ConnectRequest {
	return rtmp.ConnectRequest{
		App:        app,
		TCURL:      "rtmp://relay/" + app,
		Properties: amf0.Object{{Key: publicationProperty, Value: id.String()}},
	}
}
