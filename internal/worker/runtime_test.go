package worker

import (
	"math"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/machine"
)

func TestShareOf(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name    string
		machine machine.Machine
		workers int
		shared  int64
		want    share
	}{
		{"one worker has all cores", machine.Machine{Cores: 8, Memory: 1000 * mib}, 1, 0, share{8, 675 * mib, false}},
		{"a worker for each core", machine.Machine{Cores: 8, Memory: 8000 * mib}, 8, 0, share{1, 675 * mib, false}},
		{"rounded up", machine.Machine{Cores: 8, Memory: 3000 * mib}, 3, 0, share{3, 675 * mib, false}},
		{"more workers than cores", machine.Machine{Cores: 2, Memory: 4000 * mib}, 4, 0, share{1, 675 * mib, false}},
		{"a quota for one worker", machine.Machine{Cores: 1.5, Memory: 1000 * mib}, 1, 0, share{2, 675 * mib, false}},
		{"a quota for two", machine.Machine{Cores: 1.5, Memory: 1000 * mib}, 2, 0, share{1, 337.5 * mib, false}},
		{"the zone is there once", machine.Machine{Cores: 2, Memory: 1000 * mib}, 2, 500 * mib, share{1, 150 * mib, false}},
		{"a zone that leaves nothing", machine.Machine{Cores: 2, Memory: 1000 * mib}, 2, 2000 * mib, share{1, 32 * mib, true}},
		{"too little for so many", machine.Machine{Cores: 1, Memory: 256 * mib}, 16, 0, share{1, 32 * mib, true}},
		{"no memory known", machine.Machine{Cores: 1}, 1, 10 * mib, share{1, 0, false}},
		{"all that there can be", machine.Machine{Cores: 128, Memory: math.MaxInt64}, 1, 0, share{128, math.MaxInt64 / 10 * 9 / 4 * 3, false}},
	} {
		if got := shareOf(c.machine, c.workers, c.shared); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
