package e2e

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/model"
	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/machine"
)

// envMachine says that this process is a test that was started again where it may lay files over those of the kernel.
const envMachine = "RTMP_EDGE_E2E_MACHINE"

const (
	mebibyte = 1 << 20
	// leastLimit is what a worker's Go runtime may use wherever it runs.
	leastLimit = 32 * mebibyte
)

// goSettings are what a worker's Go runtime uses.
type goSettings struct{ procs, percent, limit float64 }

// goSettings reads them from a worker's metrics, and checks that the worker's log says the same.
func (s *server) goSettings(worker int) goSettings {
	s.t.Helper()
	samples, err := s.metrics(worker)
	if err != nil {
		s.t.Fatal(err)
	}
	of := model.LabelSet{"worker": model.LabelValue(strconv.Itoa(worker))}
	value := func(name string) float64 {
		total, series := sum(samples, name, of)
		if series != 1 {
			s.t.Errorf("%d series of %s", series, name)
		}
		return total
	}
	got := goSettings{value("go_sched_gomaxprocs_threads"), value("go_gc_gogc_percent"), value("go_gc_gomemlimit_bytes")}
	line := fmt.Sprintf("msg=runtime worker=%d .* gomaxprocs=%.0f gogc=%.0f gomemlimit=%.0f$", worker, got.procs, got.percent, got.limit)
	if len(s.log.find(line)) != 1 {
		s.t.Errorf("not logged once: %s", line)
	}
	return got
}

// checkShares looks at all workers of a machine with so many cores, of which each may use at most so many bytes.
func (s *server) checkShares(cores, most float64) {
	s.t.Helper()
	for worker := range s.opt.workers {
		got := s.goSettings(worker)
		if want := max(1, math.Ceil(cores/float64(s.opt.workers))); got.procs != want {
			s.t.Errorf("GOMAXPROCS of worker %d is %g, want %g", worker, got.procs, want)
		}
		if got.percent != 50 {
			s.t.Errorf("GOGC of worker %d is %g", worker, got.percent)
		}
		// Less by the stream zone, which all share.
		if least := max(leastLimit, most-32*mebibyte); got.limit < least || got.limit > max(leastLimit, most) {
			s.t.Errorf("the memory limit of worker %d is %.0f, not from %.0f to %.0f", worker, got.limit, least, most)
		}
	}
}

// Workers divide the machine.
func TestMachineDivided(t *testing.T) {
	t.Parallel()
	m, err := machine.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 4} {
		start(t, options{workers: n}).checkShares(m.Cores, float64(m.Memory)*.9/float64(n)*3/4)
	}
}

// What an operator sets for the Go runtime stays as it is.
func TestMachineEnvironment(t *testing.T) {
	t.Setenv("GOMAXPROCS", "3")
	t.Setenv("GOGC", "75")
	t.Setenv("GOMEMLIMIT", "123MiB")
	s := start(t, options{workers: 2})
	for worker := range 2 {
		if got, want := s.goSettings(worker), (goSettings{3, 75, 123 * mebibyte}); got != want {
			t.Errorf("worker %d uses %v, want %v", worker, got, want)
		}
	}
}

// A cgroup's limits are the machine that workers divide, and that `workers: auto` counts. The test makes no cgroups, which
// would need the system's leave: it lays files of its own over those of the kernel, where only its children see them.
func TestMachineLimited(t *testing.T) {
	if folder := os.Getenv(envMachine); folder != "" {
		layOverCgroups(t, folder)
		testLimited(t, folder)
		return
	}
	t.Parallel()
	again(t, syscall.CLONE_NEWNS, envMachine+"="+shortTempDir(t))
}

func testLimited(t *testing.T, folder string) {
	for _, c := range []struct {
		cores  float64
		memory int
	}{{.5, 1024 * mebibyte}, {1, 64 * mebibyte}, {1.5, 2048 * mebibyte}} {
		t.Run(fmt.Sprintf("%g cores, %d MiB", c.cores, c.memory/mebibyte), func(t *testing.T) {
			limitTo(t, folder, c.cores, c.memory)
			m, err := machine.Read()
			if err != nil || m.Cores > c.cores || m.Memory > int64(c.memory) {
				t.Fatalf("%+v, %v", m, err)
			}
			file := filepath.Join(folder, "auto.yml")
			if err := os.WriteFile(file, []byte("workers: auto\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(serverBinary, "check", "-c", file).CombinedOutput()
			if want := fmt.Sprintf("good: %g workers", math.Ceil(m.Cores)); err != nil || !strings.Contains(string(out), want) {
				t.Errorf("check: %v, %s; want %q", err, out, want)
			}
			for _, n := range []int{1, 2} {
				s := start(t, options{workers: n})
				most := float64(m.Memory) * .9 / float64(n) * 3 / 4
				s.checkShares(m.Cores, most)
				if warned := len(s.log.find("level=WARN msg=.*little memory")); most < leastLimit && warned != n {
					t.Errorf("%d of %d workers warn of %d MiB", warned, n, m.Memory/mebibyte)
				}
			}
		})
	}
}

// limitTo writes the files of limits of both versions of cgroups.
func limitTo(t *testing.T, folder string, cores float64, memory int) {
	t.Helper()
	quota := int(cores * 100000)
	for name, text := range map[string]string{
		"cpu.max": fmt.Sprintf("%d 100000", quota), "memory.max": strconv.Itoa(memory), "memory.high": "max",
		"cpu.cfs_quota_us": strconv.Itoa(quota), "cpu.cfs_period_us": "100000", "memory.limit_in_bytes": strconv.Itoa(memory),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// layOverCgroups has a folder take the place of the topmost cgroup, wherever that is mounted: its limits are those of all below.
func layOverCgroups(t *testing.T, folder string) {
	t.Helper()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatalf("keep the mounts from others: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	covered := 0
	for line := range strings.Lines(string(mounts)) {
		if _, kind, _ := strings.Cut(line, " - "); !strings.HasPrefix(kind, "cgroup") {
			continue
		}
		point := strings.Fields(line)[4]
		if err := unix.Mount(folder, point, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("mount %s on %s: %v", folder, point, err)
		}
		covered++
	}
	if covered == 0 {
		t.Fatal("no cgroups are mounted here")
	}
}
