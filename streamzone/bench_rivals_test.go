package streamzone_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
	"golang.org/x/sys/unix"
)

// A rival is a way in which processes can agree on who owns a name. Each
// goroutine has its own, with one claim at a time.
type rival interface {
	lookup(name string) (found bool, err error)
	claim(name string) (won bool, err error)
	release(name string) error
}

var errBench = errors.New("the registry gave a wrong answer")

// claimRelease claims and releases a name that is free.
func claimRelease(r rival, name string) error {
	won, err := r.claim(name)
	if err != nil {
		return err
	}
	if !won {
		return fmt.Errorf("%w: %q is taken", errBench, name)
	}
	return r.release(name)
}

// zoneRival is the stream zone.
type zoneRival struct {
	z    *streamzone.Zone
	last streamzone.Claim
}

func (r *zoneRival) lookup(name string) (bool, error) {
	_, found, err := r.z.Lookup(name)
	return found, err
}

func (r *zoneRival) claim(name string) (bool, error) {
	c, err := r.z.Claim(name)
	if err == nil {
		r.last = c
		return true, nil
	}
	if errors.Is(err, streamzone.ErrTaken) {
		return false, nil
	}
	return false, err
}

func (r *zoneRival) release(name string) error {
	if !r.z.Release(r.last) {
		return fmt.Errorf("%w: %q was not ours", errBench, name)
	}
	return nil
}

// mutexRival is a map under a mutex. It serves one process only.
type mutexRival struct {
	mu     *sync.Mutex
	owners map[string]int
}

func (r *mutexRival) lookup(name string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, found := r.owners[name]
	return found, nil
}

func (r *mutexRival) claim(name string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.owners[name]; taken {
		return false, nil
	}
	r.owners[name] = 1
	return true, nil
}

func (r *mutexRival) release(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.owners, name)
	return nil
}

// lockRival is a hash table in shared memory under file locks. A bucket is a
// row of cells without gaps:
//
//	0   hash, 0 = the cell is empty
//	8   length of the name
//	16  name
//
// Byte b of the file, locked through a description of our own, is the lock of
// bucket b: shared to look up, exclusive to change.
type lockRival struct {
	f   *os.File
	mem []byte
}

const (
	lockBuckets   = 1 << 11 // on average five names in each
	lockCells     = 32
	lockCell      = 64
	lockName      = 16
	lockBucket    = lockCells * lockCell
	lockTableSize = lockBuckets * lockBucket
)

func openLockRival(f *os.File) (*lockRival, error) {
	own, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(int(own.Fd()), 0, lockTableSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return &lockRival{f: own, mem: mem}, nil
}

func (r *lockRival) close() error { return errors.Join(unix.Munmap(r.mem), r.f.Close()) }

// lock waits for the bucket of the name.
func (r *lockRival) lock(hash uint64, kind int16) ([]byte, error) {
	b := int64(hash >> 53) // 11 bits
	return r.mem[b*lockBucket:][:lockBucket], r.setLock(b, kind)
}

func (r *lockRival) unlock(hash uint64) error { return r.setLock(int64(hash>>53), unix.F_UNLCK) }

func (r *lockRival) setLock(at int64, kind int16) error {
	for {
		err := unix.FcntlFlock(r.f.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: kind, Start: at, Len: 1})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func lockHash(name string) uint64 { return xxhash.Sum64String(name) | 1 }

// find is where the name's cell is or, if it is absent, the first empty one.
func (r *lockRival) find(bucket []byte, hash uint64, name string) (at int, found bool) {
	for ; at < len(bucket); at += lockCell {
		cell := bucket[at:][:lockCell]
		switch binary.LittleEndian.Uint64(cell) {
		case 0:
			return at, false
		case hash:
			if n := binary.LittleEndian.Uint64(cell[8:]); string(cell[lockName:][:n]) == name {
				return at, true
			}
		}
	}
	return at, false
}

func (r *lockRival) lookup(name string) (bool, error) {
	hash := lockHash(name)
	bucket, err := r.lock(hash, unix.F_RDLCK)
	if err != nil {
		return false, err
	}
	_, found := r.find(bucket, hash, name)
	return found, r.unlock(hash)
}

func (r *lockRival) claim(name string) (bool, error) {
	hash := lockHash(name)
	bucket, err := r.lock(hash, unix.F_WRLCK)
	if err != nil {
		return false, err
	}
	at, taken := r.find(bucket, hash, name)
	switch {
	case taken:
		return false, r.unlock(hash)
	case at == len(bucket) || len(name) > lockCell-lockName:
		return false, errors.Join(fmt.Errorf("%w: no room for %q", errBench, name), r.unlock(hash))
	}
	cell := bucket[at:][:lockCell]
	binary.LittleEndian.PutUint64(cell, hash)
	binary.LittleEndian.PutUint64(cell[8:], uint64(len(name)))
	copy(cell[lockName:], name)
	return true, r.unlock(hash)
}

// release fills the gap with the bucket's last cell.
func (r *lockRival) release(name string) error {
	hash := lockHash(name)
	bucket, err := r.lock(hash, unix.F_WRLCK)
	if err != nil {
		return err
	}
	at, found := r.find(bucket, hash, name)
	if !found {
		return errors.Join(fmt.Errorf("%w: %q is gone", errBench, name), r.unlock(hash))
	}
	end := at
	for end < len(bucket) && binary.LittleEndian.Uint64(bucket[end:]) != 0 {
		end += lockCell
	}
	last := bucket[end-lockCell : end]
	copy(bucket[at:], last)
	clear(last)
	return r.unlock(hash)
}
