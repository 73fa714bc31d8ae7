package master

import (
	"maps"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// News is what one process is to be told of reloads: the newest word, once it has taken notice of the one before. So one that hangs never fills the
// socket between us.
type news struct {
	mu     sync.Mutex
	next   *handover.Reload // not sent yet
	unread bool             // one was sent, and not noted
}

// tell has the process learn of a reload. One that can't be told is dying.
func (n *news) tell(control *handover.Conn, r handover.Reload) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next = &r
	n.send(control)
}

// noted says that the process has taken notice of the last word.
func (n *news) noted(control *handover.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unread = false
	n.send(control)
}

// send is called with mu held.
func (n *news) send(control *handover.Conn) {
	if n.unread || n.next == nil {
		return
	}
	n.unread = control.Send(handover.KindReload, n.next) == nil
	n.next = nil
}

// A record is what the master tells its workers for their metrics.
type record struct {
	mu     sync.Mutex
	ends   map[int]map[string]int // of processes, by worker and reason
	reload handover.Reload
}

// ended counts the end of a worker's process that is to be replaced.
func (r *record) ended(worker int, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends == nil {
		r.ends = map[int]map[string]int{}
	}
	if r.ends[worker] == nil {
		r.ends[worker] = map[string]int{}
	}
	r.ends[worker][reason]++
}

// reloaded notes an attempt to load the configuration.
func (r *record) reloaded(ok bool) handover.Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload.At, r.reload.OK = time.Now(), ok
	if ok {
		r.reload.Loaded = r.reload.At
	}
	return r.reload
}

// of returns what a process of a worker that begins is to know.
func (r *record) of(worker int) (ends map[string]int, reload handover.Reload) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.ends[worker]), r.reload
}

// tellReloaded lets all workers know how a reload went.
func (m *Master) tellReloaded(ok bool) {
	r := m.record.reloaded(ok)
	for _, p := range m.processes() {
		p.news.tell(p.control, r)
	}
}

// endReason says how a process ended.
func endReason(s *os.ProcessState) string {
	status, ok := s.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return metrics.RestartError
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		return metrics.RestartKilled
	case status.Signaled():
		return metrics.RestartSignal
	case status.ExitStatus() == 0:
		return metrics.RestartExit
	case status.ExitStatus() == runtimeExit:
		return metrics.RestartPanic
	default:
		return metrics.RestartError
	}
}

// runtimeExit is the status with which the Go runtime ends a process that panics.
const runtimeExit = 2
