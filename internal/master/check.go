package master

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
)

// spareDescriptors are for what a worker has open beside its RTMP connections: the zone, its listening sockets, relays, HTTP.
const spareDescriptors = 256

// check finds out before anything is bound what would keep workers from serving, and warns of what would hinder them.
func (m *Master) check() error {
	if err := m.judge(m.config()); err != nil {
		return err
	}
	m.checkDescriptors()
	return nil
}

// judge tells what is wrong with a configuration whose run folder is known, and warns of what is doubtful.
func (m *Master) judge(cfg *config.Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	err := cfg.CheckFiles()
	if errors.Is(err, config.ErrNotValidNow) {
		m.log.Warn("clients may refuse the certificate", logging.Error, err)
		return nil
	}
	return err
}

// checkDescriptors compares the limit of descriptors, which is each worker's too, with what it may be asked for. The Go runtime has raised the
// soft limit to the hard one.
func (m *Master) checkDescriptors() {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return // accept will tell
	}
	if needed := uint64(m.config().RTMP.Limits.Connections) + spareDescriptors; limit.Cur < needed {
		m.log.Warn("too few descriptors for rtmp.limits.connections: raise the limit (ulimit -n; systemd: LimitNOFILE), or lower the key",
			"limit", limit.Cur, "needed", needed)
	}
}
