package streamzone

import (
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// What the tests of package streamzone_test need to see of the inside.

// HeaderBits is the size of the sealed header in bits.
const HeaderBits = headerWords * 64

// NewMemfd makes a sealed, zeroed memory file.
func NewMemfd(bytes uint64) (*os.File, error) { return newMemfd(bytes) }

// MapWords maps the whole file for reading and writing.
func MapWords(f *os.File) ([]atomic.Uint64, func() error, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	m, err := mapWords(f, uint64(info.Size()), true)
	if err != nil {
		return nil, nil, err
	}
	return m.words, m.unmap, nil
}

// Epoch is the slot's current epoch.
func (z *Zone) Epoch(slot int) uint16 { return z.cur.Load().epoch(slot) }

// KeyedHash is the hash of the text under a secret.
func KeyedHash(k0, k1 uint64, text string) uint64 {
	hash, _ := (&sipKey{k0, k1}).sum(text)
	return hash
}

// Where the two words of the secret are in a zone's memory.
const (
	Secret0 = hdrSecret0
	Secret1 = hdrSecret1
)

// Hash is what the zone knows the name by.
func (z *Zone) Hash(name string) uint64 { return z.cur.Load().hash(name) }

// Bucket is the bucket that the name belongs to.
func (z *Zone) Bucket(name string) uint64 { return z.cur.Load().bucketOf(z.cur.Load().hash(name)) }

// ChainMax is how many nodes fit into a bucket.
func (z *Zone) ChainMax() int { return z.cur.Load().chainMax }

// Interested tells whether the zone's slot asks to be rung for the name.
func (z *Zone) Interested(name string) bool {
	return z.cur.Load().interest(z.Bucket(name), z.slot/64).Load()>>(z.slot%64)&1 == 1
}

// Dup is another descriptor of the same open file description, as a process
// gets it that inherits f.
func Dup(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// MaxFrozen is how long a process stands still for a keeper.
const MaxFrozen = maxFrozen

// EnterGate is a claim that stands still until leave is called.
func (z *Zone) EnterGate() (leave func()) {
	t, err := z.enter(0)
	if err != nil {
		panic(err)
	}
	return func() { z.leave(0, t) }
}

// FreezeAndDie leaves a resize as a keeper does that is killed in the middle.
func (k *Keeper) FreezeAndDie() {
	s := k.t.status()
	if !k.t.setStatus(s, newStatus(s.freeze()+1, stageFreezing)) {
		panic("not ready")
	}
	k.t.ringAll()
}

// StandsStill tells whether claims and releases wait.
func (z *Zone) StandsStill() bool {
	z.gate.mu.Lock()
	defer z.gate.mu.Unlock()
	return z.gate.thawed != nil
}
