package master

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// sockets are the listening sockets of the server, by worker, and the files of unix sockets that are to be removed at the end.
type sockets struct {
	worker [][]socket
	unix   []multiport.Addr
}

type socket struct {
	handover.Socket
	file *os.File
}

// bindAll is bind for the start of a server: sockets that it was started with are used for their addresses. There must be an address for each.
func bindAll(listens []config.Listen, workers int, inherited Inherited, log *slog.Logger) (*sockets, error) {
	s, err := bind(listens, workers, inherited, log)
	if err != nil || inherited == nil {
		return s, err
	}
	if err := inherited.Rest(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// bind binds everything that is listed, or nothing.
func bind(listens []config.Listen, workers int, inherited Inherited, log *slog.Logger) (*sockets, error) {
	s := &sockets{worker: make([][]socket, workers)}
	for _, l := range listens {
		var err error
		if l.Scope == config.Shared {
			err = s.bindShared(l, inherited)
		} else {
			err = s.bindEach(l)
		}
		if l.Scope == config.Private && errors.Is(err, multiport.ErrLocked) { // a server holds its folder locked as long as it runs
			err = fmt.Errorf("%w: another server runs there: end it, or choose another run_dir", err)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", l.Key, err), s.close())
		}
		if l.Scope != config.Private {
			log.Info("listening", "address", s.span(l), "serves", string(l.Serves))
		}
	}
	return s, nil
}

// bindShared gives each worker a socket of its own on the same address.
func (s *sockets) bindShared(l config.Listen, inherited Inherited) error {
	if inherited != nil {
		files, err := inherited.Take(l.Addr, len(s.worker))
		for i, f := range files {
			s.add(i, l, f, true)
		}
		if err != nil || len(files) > 0 {
			return err
		}
	}
	files, err := multiport.ListenGroup(l.Addr, len(s.worker), multiport.ListenOptions{})
	if err != nil {
		return err
	}
	s.remember(l.Addr)
	for i, f := range files {
		s.add(i, l, f, false)
	}
	return nil
}

// bindEach gives worker n the address plus n. A slot's private sockets have the worker's number as long as no two processes of a worker live.
func (s *sockets) bindEach(l config.Listen) error {
	for i := range s.worker {
		a, err := l.Addr.ForWorker(i)
		if err != nil {
			return err
		}
		f, err := multiport.Listen(a, multiport.ListenOptions{})
		if err != nil {
			return err
		}
		s.remember(a)
		s.add(i, l, f, false)
	}
	return nil
}

func (s *sockets) add(worker int, l config.Listen, f *os.File, inherited bool) {
	desc := handover.Socket{Addr: f.Name(), Serves: l.Serves, Scope: l.Scope, Inherited: inherited}
	s.worker[worker] = append(s.worker[worker], socket{desc, f})
}

func (s *sockets) remember(a multiport.Addr) {
	if a.Network == multiport.Unix {
		s.unix = append(s.unix, a)
	}
}

// join adds other sockets, which are one's own then.
func (s *sockets) join(more *sockets) {
	for i := range s.worker {
		s.worker[i] = append(s.worker[i], more.worker[i]...)
	}
	s.unix = append(s.unix, more.unix...)
}

// span tells what a listen takes: one address, or the first and the last.
func (s *sockets) span(l config.Listen) string {
	if l.Scope == config.Shared || len(s.worker) == 1 {
		return s.worker[0][len(s.worker[0])-1].Addr
	}
	last := s.worker[len(s.worker)-1]
	return s.worker[0][len(s.worker[0])-1].Addr + " … " + last[len(last)-1].Addr
}

// discard is close for sockets that some worker may have: of those that it has not taken from the control socket yet, because it hangs, no one else can
// be served. They don't listen any more.
func (s *sockets) discard() error {
	for _, w := range s.worker {
		for _, f := range w {
			if raw, err := f.file.SyscallConn(); err == nil {
				_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) }) // what listens can be shut down; of a unix socket the file goes
			}
		}
	}
	return s.close()
}

// close removes the files of the sockets that have one, and closes all.
func (s *sockets) close() error {
	var errs []error
	for _, a := range s.unix { // while they listen nobody else can have taken the path
		errs = append(errs, multiport.Remove(a))
	}
	for _, w := range s.worker {
		for _, f := range w {
			errs = append(errs, f.file.Close())
		}
	}
	return errors.Join(errs...)
}
