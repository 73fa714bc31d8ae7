package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/httpflv"
	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
)

// A flvHandler answers requests for streams (HTTP-FLV), and leaves all others to next.
type flvHandler struct {
	w       *Worker
	next    http.Handler
	sockets transport.Options
}

func (w *Worker) httpFLV(next http.Handler) http.Handler {
	w.metrics.startProtocol(metrics.ProtocolHTTPFLV)
	h := &flvHandler{w, next, w.plain}
	h.sockets.Trusted = nil // no PROXY header precedes HTTP
	return h
}

// ServeHTTP implements http.Handler.
func (h *flvHandler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if _, _, ok := httpflv.Stream(r.URL); !ok {
		h.next.ServeHTTP(rw, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		rw.Header().Set("Allow", http.MethodGet+", "+http.MethodHead)
		httpflv.Refuse(rw, http.StatusMethodNotAllowed, "A stream answers to GET and HEAD.")
		return
	}
	key, refusal := h.authorize(rw, r)
	switch {
	case r.Method == http.MethodGet && refusal == "":
		h.play(rw, r, key)
	case r.Method == http.MethodGet:
		h.w.metrics.Plays.WithLabelValues(metrics.ProtocolHTTPFLV, refusal).Inc()
		h.w.log.Info("play refused", logging.Remote, r.RemoteAddr, logging.Stream, key, logging.Reason, refusal)
	case refusal == "":
		h.head(rw, key)
	}
}

// authorize returns the key of the stream that is asked for. If it may not be played, it answers, and says why for the metrics.
func (h *flvHandler) authorize(rw http.ResponseWriter, r *http.Request) (key, refusal string) {
	key, err := httpflv.Key(r.URL, h.w.start.Config.StreamZone.NameMax)
	if err != nil {
		httpflv.Refuse(rw, http.StatusBadRequest, err.Error())
		return "", metrics.PlayBadName
	}
	secret := h.w.policy(key).PlaySecret
	if secret == "" {
		return key, ""
	}
	app, name := names.Split(key)
	err = sign.Verify(secret, sign.Play, app, name, r.URL.RawQuery, time.Now())
	h.w.metrics.AuthRequests.WithLabelValues(string(sign.Play), sign.Kind(err)).Inc()
	if err != nil {
		httpflv.Refuse(rw, http.StatusForbidden, err.Error())
		return key, metrics.PlayDenied
	}
	return key, ""
}

// head tells whether anybody publishes the stream, without a wait.
func (h *flvHandler) head(rw http.ResponseWriter, key string) {
	if !h.w.published(key) {
		httpflv.Refuse(rw, http.StatusNotFound, farewells[live.EndNotFound])
		return
	}
	httpflv.SetHeader(rw.Header())
	rw.Header().Set("Content-Type", httpflv.ContentType)
	rw.Header().Set("Connection", "close")
}

// play takes the connection from the HTTP server, and makes it a player's.
func (h *flvHandler) play(rw http.ResponseWriter, r *http.Request, key string) {
	w := h.w
	release, ok := h.admit(rw, r)
	if !ok {
		return
	}
	nc, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		release()
		httpflv.Refuse(rw, http.StatusInternalServerError, "This connection can't play.")
		return
	}
	v := &viewer{
		w: w, nc: transport.Wrap(nc, false, &h.sockets), begun: time.Now(), key: key, remote: remoteOf(nc),
		client: names.Printable(r.UserAgent(), maxClient), release: release,
	}
	w.metrics.ConnectionsAccepted.WithLabelValues(metrics.ProtocolHTTPFLV).Inc()
	v.setState(metrics.StateWaiting)
	go v.run() // all that the HTTP server keeps for the connection goes when this function returns
}

// admit finds a place for a connection, and counts it among the sessions that the worker waits for at its end.
func (h *flvHandler) admit(rw http.ResponseWriter, r *http.Request) (release func(), ok bool) {
	w := h.w
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // a unix socket's peer has none
	place, err := w.connections.Admit(peer.Addr())
	if err != nil {
		w.countReject(metrics.ProtocolHTTPFLV, rejectReason(err))
		if errors.Is(err, limit.ErrAddress) {
			httpflv.Refuse(rw, http.StatusTooManyRequests, "There are too many connections from this address.")
		} else {
			httpflv.Refuse(rw, http.StatusServiceUnavailable, "The server is full.")
		}
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending {
		place()
		w.metrics.ConnectionsRejected.WithLabelValues(metrics.ProtocolHTTPFLV, metrics.RejectShutdown).Inc()
		httpflv.Refuse(rw, http.StatusServiceUnavailable, farewells[live.EndShutdown])
		return nil, false
	}
	w.sessions.Add(1)
	return func() { place(); w.sessions.Done() }, true
}

// A viewer is a connection that plays over HTTP, from its request to its end.
type viewer struct {
	// static
	w                   *Worker
	nc                  *transport.Conn
	begun               time.Time
	key, remote, client string
	release             func() // gives back its place

	player *live.Player // owned by the viewer's goroutine; nil until it plays

	mu     sync.Mutex
	state  string         // of the metrics
	gone   bool           // state is final
	ending live.EndReason // set once, by the fan-out
}

// maxHeard is how much a peer may send that should only listen, in bytes.
const maxHeard = 64 << 10

var errTalks = errors.New("the peer sends, instead of playing")

func (v *viewer) run() {
	defer v.release()
	err := guarded(v.serve)
	ending := v.endedBy()
	reason := reasonOf(ending, err)
	if v.player != nil {
		v.player.Leave()
	}
	if _, ordered := farewells[ending]; ordered {
		v.linger()
	}
	_ = v.nc.Close()
	v.setState("")
	v.finish(reason, err)
}

// serve hands the socket over to the fan-out, and waits for the end of it or of the peer. All that is answered goes through the fan-out.
func (v *viewer) serve() error {
	sink, err := v.nc.Sink()
	if err != nil {
		return refused{metrics.CloseInternal, err}
	}
	var player *live.Player
	sent := v.w.metrics.sent(metrics.ProtocolHTTPFLV, metrics.RolePlayer)
	player = live.NewPlayer(live.PlayOptions{
		Sink: sink, Format: live.FormatFLV,
		Opening: func() []byte { return httpflv.Head(time.Now()) },
		Sent:    func(bytes int) { sent.Add(float64(bytes)) },
		Started: v.started,
		Farewell: func(r live.EndReason) {
			_ = player.Control(refusal(r)) // not sent to who got media
		},
		Ended: v.ended,
	})
	if err := v.w.hub.Play(v.key, player); err != nil {
		_, _ = v.nc.Write(refusal(live.EndShutdown)) // a fresh socket has room
		return refused{metrics.CloseShutdown, err}
	}
	v.player = player
	return v.hear()
}

// refusal is the answer to who waited for a stream in vain.
func refusal(r live.EndReason) []byte {
	status := http.StatusServiceUnavailable
	if r == live.EndNotFound {
		status = http.StatusNotFound
	}
	return httpflv.Refusal(status, farewells[r], time.Now())
}

// hear returns when the peer has left.
func (v *viewer) hear() error {
	few := make([]byte, 64)
	for heard := 0; heard <= maxHeard; {
		n, err := v.nc.Read(few)
		if err != nil {
			return err
		}
		heard += n
	}
	return refused{metrics.CloseProtocol, errTalks}
}

// linger lets what was written last arrive.
func (v *viewer) linger() {
	if v.nc.CloseWrite() == nil && v.nc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, v.nc)
	}
}

// started is called by the fan-out with the first media.
func (v *viewer) started(wait time.Duration) {
	v.setState(metrics.StatePlaying)
	v.w.countJoin(metrics.ProtocolHTTPFLV, v.key, wait)
}

// ended is called by the fan-out when nothing is written any more.
func (v *viewer) ended(r live.EndReason) {
	v.mu.Lock()
	result := playResult(v.state == metrics.StatePlaying, r)
	v.ending = r
	v.mu.Unlock()
	v.w.metrics.Plays.WithLabelValues(metrics.ProtocolHTTPFLV, result).Inc()
	_ = v.nc.SetReadDeadline(time.Unix(1, 0)) // it only fails if reading does, too
}

// endedBy is why the fan-out ended the viewer; "" if it didn't.
func (v *viewer) endedBy() live.EndReason {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ending
}

// reasonOf classifies the end of a viewer.
func reasonOf(ending live.EndReason, err error) string {
	var r refused
	switch {
	case ending != "":
		return closeReasons[ending]
	case errors.As(err, new(panicked)):
		return metrics.ClosePanic
	case errors.As(err, &r):
		return r.reason
	case silent(err):
		return metrics.CloseLost
	}
	return metrics.CloseGone
}

// setState moves the viewer from one state of the metrics to another; "" is the last.
func (v *viewer) setState(state string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gone {
		return
	}
	v.gone = state == ""
	if v.state != "" {
		v.w.metrics.Connections.WithLabelValues(metrics.ProtocolHTTPFLV, v.state).Dec()
	}
	if state != "" {
		v.w.metrics.Connections.WithLabelValues(metrics.ProtocolHTTPFLV, state).Inc()
	}
	v.state = state
}

// finish counts the viewer's end, and tells it in one line.
func (v *viewer) finish(reason string, err error) {
	v.w.metrics.ConnectionsClosed.WithLabelValues(metrics.ProtocolHTTPFLV, reason).Inc()
	if reason == metrics.CloseProtocol {
		v.w.metrics.ProtocolErrors.WithLabelValues(metrics.ErrorKind(err)).Inc()
	}
	attrs := []any{
		logging.Remote, v.remote, logging.Reason, reason, logging.Duration, time.Since(v.begun).Round(time.Millisecond),
		logging.Stream, v.key, logging.Role, metrics.RolePlayer, "protocol", metrics.ProtocolHTTPFLV, logging.Client, v.client,
	}
	if v.player != nil {
		attrs = append(attrs, "sent_bytes", v.player.Sent())
	}
	level := slog.LevelInfo
	switch reason {
	case metrics.ClosePanic:
		level = slog.LevelError
		fallthrough
	case metrics.CloseProtocol, metrics.CloseInternal, metrics.CloseLost:
		attrs = append(attrs, logging.Error, err)
	}
	v.w.log.Log(context.Background(), level, "session ended", attrs...)
}
