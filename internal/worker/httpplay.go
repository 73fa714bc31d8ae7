package worker

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/httpplay"
	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
)

// A playHandler answers requests for streams, and leaves all others to next.
type playHandler struct {
	w    *Worker
	next http.Handler
}

// startHTTPPlay makes the metrics of who plays over HTTP.
func (w *Worker) startHTTPPlay() {
	for _, protocol := range []string{metrics.ProtocolHTTPFLV, metrics.ProtocolWSFLV, metrics.ProtocolFMP4} {
		w.metrics.startProtocol(protocol)
	}
}

// httpPlay lets streams play beside what next serves.
func (w *Worker) httpPlay(next http.Handler) http.Handler {
	return &playHandler{w, next}
}

// ServeHTTP implements http.Handler.
func (h *playHandler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	request, ok := httpplay.Parse(r.URL)
	if !ok {
		h.next.ServeHTTP(rw, r)
		return
	}
	s := h.w.settings.Load()
	a := asking{
		playHandler: h, rw: rw, r: r, Request: request, protocol: protocolOf(request.Format, httpplay.IsWebSocket(r)),
		origins: s.cfg.HTTP.CORSOrigins, sockets: s.plain,
	}
	a.sockets.Trusted = nil // no PROXY header precedes HTTP
	a.origins.SetHeader(rw.Header(), r)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		a.answer()
	case http.MethodOptions:
		a.origins.SetPreflight(rw.Header())
		rw.WriteHeader(http.StatusNoContent)
	default:
		rw.Header().Set("Allow", httpplay.Methods)
		httpplay.Refuse(rw, http.StatusMethodNotAllowed, "A stream answers to GET, HEAD and OPTIONS.")
	}
}

func protocolOf(f httpplay.Format, webSocket bool) string {
	switch {
	case f == httpplay.MP4:
		return metrics.ProtocolFMP4
	case webSocket:
		return metrics.ProtocolWSFLV
	}
	return metrics.ProtocolHTTPFLV
}

// An asking is a request for a stream while it is answered.
type asking struct {
	*playHandler
	rw http.ResponseWriter
	r  *http.Request
	httpplay.Request
	protocol string
	origins  httpplay.Origins
	sockets  transport.Options
}

func (a *asking) answer() {
	key, refusal := a.authorize()
	switch {
	case a.r.Method == http.MethodHead && refusal == "":
		a.head(key)
	case a.r.Method == http.MethodHead:
	case refusal == "":
		a.play(key)
	default:
		a.refuse(key, refusal)
	}
}

// refuse counts a request that was refused, and tells of it: not of each, if one connection after the other brings many.
func (a *asking) refuse(key, reason string, more ...any) {
	a.w.metrics.Plays.WithLabelValues(a.protocol, reason).Inc()
	if a.w.refusals.Allow() {
		attrs := []any{logging.Remote, a.r.RemoteAddr, logging.Protocol, a.protocol, logging.Stream, key, logging.Reason, reason}
		a.w.log.Info("play refused", append(attrs, more...)...)
	}
}

// authorize returns the key of the stream that is asked for. If it may not be played, it answers, and says why for the metrics.
func (a *asking) authorize() (key, refusal string) {
	key, err := a.Key(a.w.cfg().StreamZone.NameMax)
	if err != nil {
		httpplay.Refuse(a.rw, http.StatusBadRequest, err.Error())
		return "", metrics.PlayBadName
	}
	if httpplay.IsWebSocket(a.r) && !a.origins.Admit(a.r) {
		httpplay.Refuse(a.rw, http.StatusForbidden, "Pages of this site may not play: see http.cors_origins.")
		return key, metrics.PlayDenied
	}
	secret := a.w.policy(key).PlaySecret
	if secret == "" {
		return key, ""
	}
	app, name := names.Split(key)
	err = sign.Verify(secret, sign.Play, app, name, a.r.URL.RawQuery, time.Now())
	a.w.metrics.AuthRequests.WithLabelValues(string(sign.Play), sign.Kind(err)).Inc()
	if err != nil {
		httpplay.Refuse(a.rw, http.StatusForbidden, err.Error())
		return key, metrics.PlayDenied
	}
	return key, ""
}

// head tells whether anybody publishes the stream, without a wait.
func (a *asking) head(key string) {
	if !a.w.published(key) {
		httpplay.Refuse(a.rw, http.StatusNotFound, farewells[live.EndNotFound])
		return
	}
	a.rw.Header().Set("Content-Type", a.Format.ContentType())
	a.rw.Header().Set("Connection", "close")
}

// play takes the connection from the HTTP server, and makes it a viewer's.
func (a *asking) play(key string) {
	release, ok := a.admit()
	if !ok {
		return
	}
	v := &viewer{
		connection: connection{
			w: a.w, protocol: a.protocol, begun: time.Now(), client: names.Printable(a.r.UserAgent(), maxClient), role: metrics.RolePlayer, stream: key,
		},
		header: a.rw.Header().Clone(), release: release,
	}
	if err := a.take(v); err != nil { // who asked has been answered
		release()
		a.refuse(key, metrics.PlayError, logging.Error, err)
		return
	}
	if !a.w.enter(v) {
		v.dismiss(live.EndShutdown)
		_ = v.nc.Close()
		release()
		return
	}
	v.setState(metrics.StateWaiting)
	go v.run() // all that the HTTP server keeps for the connection goes when this function returns
}

// admit finds a place for a connection.
func (a *asking) admit() (release func(), ok bool) {
	peer, _ := netip.ParseAddrPort(a.r.RemoteAddr) // a unix socket's peer has none
	release, err := a.w.connections.Admit(peer.Addr())
	switch {
	case err == nil:
		return release, true
	case errors.Is(err, limit.ErrAddress):
		httpplay.Refuse(a.rw, http.StatusTooManyRequests, "There are too many connections from this address.")
	default:
		httpplay.Refuse(a.rw, http.StatusServiceUnavailable, "The server is full.")
	}
	a.w.countReject(a.protocol, rejectReason(err))
	return nil, false
}

// take takes the connection from the HTTP server.
func (a *asking) take(v *viewer) error {
	var err error
	switch {
	case a.protocol == metrics.ProtocolWSFLV:
		v.format, err = upgrade(v, a.rw, a.r, &a.sockets)
		return err
	case httpplay.IsWebSocket(a.r):
		httpplay.Refuse(a.rw, http.StatusBadRequest, "Over WebSocket, streams play as .flv.")
		return errUpgrade
	case a.protocol == metrics.ProtocolFMP4:
		v.format = &fragments{v}
	}
	nc, _, err := http.NewResponseController(a.rw).Hijack()
	if err == nil {
		err = v.own(nc, &a.sockets)
	}
	if err != nil {
		httpplay.Refuse(a.rw, http.StatusInternalServerError, "This connection can't play.")
	}
	return err
}

var errUpgrade = errors.New("a WebSocket is for FLV only")
