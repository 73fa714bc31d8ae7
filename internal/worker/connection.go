package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// A connection is what those who publish and play have in common, whatever they speak: what the worker counts, logs and tells of them.
type connection struct {
	// static
	w        *Worker
	id       string // see Worker.enter
	protocol string
	private  bool // of a sibling worker, on a private socket
	begun    time.Time

	player atomic.Pointer[live.Player]

	mu     sync.Mutex
	remote string         // behind a proxy, known when its header is read
	client string         // what the peer calls itself
	role   string         // of the metrics
	stream string         // key of the newest stream
	state  string         // of the metrics
	gone   bool           // state is final
	join   *time.Duration // from the request to play to the first media
	source string         // of the metrics: where what it plays comes from
	ending live.EndReason // set once, by whoever ends the connection from outside
	waits  bool           // it asked to play what nobody published then
}

// A member is a connection of this worker, of some protocol.
type member interface {
	// base is what it has in common with others.
	base() *connection
	// end ends it from outside: it is told why, where its protocol has words for that. Who plays is told by the hub at a shutdown.
	end(r live.EndReason)
	// cut closes its socket without a word.
	cut()
	// traffic is how many bytes went over the connection, but for those that the fan-out wrote, and how many messages of a stream came in.
	traffic() (in, out, messages uint64)
}

func (c *connection) base() *connection { return c }

// enter takes a connection in, unless the worker ends: then it must close it. Who entered leaves, then calls Worker.sessions.Done.
func (w *Worker) enter(m member) bool {
	c := m.base()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending {
		return false
	}
	w.entered++
	c.id = fmt.Sprintf("%d-%d-%d", w.start.Worker, w.start.Restarts, w.entered) // unique as long as the server runs
	w.open[m] = struct{}{}
	w.sessions.Add(1)
	w.metrics.ConnectionsAccepted.WithLabelValues(c.protocol).Inc()
	if !c.private {
		w.accepted.Add(1)
	}
	return true
}

// left takes a connection off the list.
func (w *Worker) left(m member) {
	w.mu.Lock()
	delete(w.open, m)
	w.mu.Unlock()
	m.base().setState("")
}

// members returns the connections there are.
func (w *Worker) members() []member {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]member, 0, len(w.open))
	for m := range w.open {
		out = append(out, m)
	}
	return out
}

// setState moves the connection from one state of the metrics to another; "" is the last.
func (c *connection) setState(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == state || c.gone {
		return
	}
	c.gone = state == ""
	if state == metrics.StateWaiting {
		c.waits = !c.private && !c.w.published(c.stream)
	}
	if c.state != "" {
		c.w.metrics.Connections.WithLabelValues(c.protocol, c.state).Dec()
	}
	if state != "" {
		c.w.metrics.Connections.WithLabelValues(c.protocol, state).Inc()
	}
	c.state = state
}

// become sets what the connection is.
func (c *connection) become(role string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.role = role
}

// concern sets the stream that the connection is about.
func (c *connection) concern(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = key
}

// joined is called by the fan-out when it gives the player its first media.
func (c *connection) joined(key string, wait time.Duration) {
	c.setState(metrics.StatePlaying)
	if c.private {
		return
	}
	source := metrics.SourceWorker
	if c.w.publication(key) != nil {
		source = metrics.SourceLocal
	}
	c.mu.Lock()
	c.join, c.source = &wait, source
	waited := c.waits
	c.mu.Unlock()
	c.w.metrics.PlayJoin.WithLabelValues(c.protocol, source).Observe(wait.Seconds())
	if waited {
		c.w.metrics.PlayWaitPublisher.Observe(wait.Seconds())
	}
}

// countPlay counts a request to play, when it is over.
func (c *connection) countPlay(r live.EndReason) {
	if c.private {
		return
	}
	c.mu.Lock()
	played := c.join != nil
	c.mu.Unlock()
	result := metrics.PlayGone
	switch {
	case played:
		result = metrics.PlayOK
	case r == live.EndNotFound:
		result = metrics.PlayNotFound
	}
	c.w.metrics.Plays.WithLabelValues(c.protocol, result).Inc()
}

// endedBy is why somebody else ended the connection; "" if nobody did.
func (c *connection) endedBy() live.EndReason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// endWith notes why somebody else ends the connection, if nobody did before.
func (c *connection) endWith(r live.EndReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == "" {
		c.ending = r
	}
}

// kick ends a connection for an operator. A peer that takes nothing does not hold it up.
func kick(m member) {
	m.base().endWith(live.EndKicked)
	time.AfterFunc(lingerTime, m.cut)
	m.end(live.EndKicked)
}

// describe tells of a connection.
func (w *Worker) describe(m member) api.Session {
	c := m.base()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := api.Session{
		ID: c.id, Worker: w.start.Worker, Slot: w.start.Slot, Protocol: c.protocol, Role: c.role, State: c.state, Address: c.remote, Client: c.client,
		Since: c.begun, Source: c.source,
	}
	if c.stream != "" {
		s.App, s.Name = names.Split(c.stream)
	}
	s.BytesIn, s.BytesOut, s.Frames = m.traffic()
	if p := c.player.Load(); p != nil {
		s.BytesOut += p.Sent()
		s.Frames, s.Dropped = p.Frames()
	}
	if c.join != nil {
		seconds := c.join.Seconds()
		s.Join = &seconds
	}
	return s
}

// report counts the end of a connection, and tells it in one line, with more attributes behind those that all have.
func (w *Worker) report(m member, level slog.Level, reason string, more ...any) {
	s := w.describe(m)
	w.metrics.ConnectionsClosed.WithLabelValues(s.Protocol, reason).Inc()
	attrs := []any{
		logging.Session, s.ID, logging.Remote, s.Address, logging.Protocol, s.Protocol, logging.Role, s.Role, logging.Reason, reason,
		logging.Duration, time.Since(s.Since).Round(time.Millisecond),
	}
	if s.App != "" {
		attrs = append(attrs, logging.App, s.App, logging.Stream, s.App+"/"+s.Name)
	}
	attrs = append(attrs, logging.Client, s.Client, "received_bytes", s.BytesIn, "sent_bytes", s.BytesOut)
	if s.Role != metrics.RoleNone {
		attrs = append(attrs, "frames", s.Frames, "dropped", s.Dropped)
	}
	if s.Join != nil {
		attrs = append(attrs, "join", time.Duration(*s.Join*float64(time.Second)).Round(time.Millisecond), "source", s.Source)
	}
	w.log.Log(context.Background(), level, "session ended", append(attrs, more...)...)
}
