package worker

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// Visitors are the connections of the HTTP server that come from elsewhere: as many as may be of RTMP, and counted apart from those, so that neither takes
// the other's places. Who begins to play leaves, for the places of Worker.connections. This machine's are not counted: a proxy here stands for many.
type visitors struct {
	w      *Worker
	places *limit.Connections

	mu sync.Mutex
	in map[net.Conn]func() // what gives their places back; guarded by mu
}

func newVisitors(w *Worker, l *config.Limits) *visitors {
	return &visitors{w: w, places: limit.NewConnections(l.Connections, l.ConnectionsPerAddress), in: map[net.Conn]func(){}}
}

// note is for http.Server.ConnState.
func (v *visitors) note(nc net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		v.enter(nc)
	case http.StateHijacked, http.StateClosed:
		v.leave(nc)
	}
}

func (v *visitors) enter(nc net.Conn) {
	peer, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil || peer.Addr().Unmap().IsLoopback() { // of a unix socket
		return
	}
	release, err := v.places.Admit(peer.Addr())
	if err != nil {
		_ = nc.Close()
		v.w.countReject(metrics.ProtocolHTTPFLV, rejectReason(err))
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.in[nc] = release
}

func (v *visitors) leave(nc net.Conn) {
	v.mu.Lock()
	release := v.in[nc]
	delete(v.in, nc)
	v.mu.Unlock()
	if release != nil {
		release()
	}
}

// promptly has who asks send the body of a request in time: no answer needs it later than that, but those that are passed on to another worker.
func promptly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(httpIdleTimeout)) // it only fails if reading does, too
		}
		next.ServeHTTP(w, r)
	})
}
