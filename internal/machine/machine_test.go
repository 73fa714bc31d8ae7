package machine

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

const (
	mebibyte = 1 << 20
	total    = 16384000 * 1024 // of the machines in testdata
)

// trees are what the files in testdata say of a machine with 8 CPUs.
var trees = []struct {
	name   string
	cores  float64
	memory int64
	errs   []string // parts of the lines of the error
}{
	{"no-cgroups", 8, total, nil},
	{"bare-v2", 8, total, nil},
	{"docker-v2", 1.5, 512 * mebibyte, nil},
	{"docker-v2-host-namespace", .5, 1024 * mebibyte, nil},
	{"kubernetes-v2", 3, 1024 * mebibyte, nil},
	{"systemd-v2", 2.5, 400 * mebibyte, nil},
	{"bare-v1", 8, total, nil},
	{"docker-v1", 1.5, 256 * mebibyte, nil},
	{"kubernetes-v1", 8, 128 * mebibyte, nil},
	{"slice-v1", 3, 768 * mebibyte, nil},
	{"hybrid", 2.5, 512 * mebibyte, nil},
	{"elsewhere", 8, total, nil},
	{"above", 8, total, nil},
	{"odd-names", 2, 512 * mebibyte, nil},
	{"no-meminfo", 8, 512 * mebibyte, nil},
	{"nothing", 8, 0, nil},
	{"wrong-v2", 8, 1024 * mebibyte, []string{"/proc/meminfo: MemTotal", `/cpu.max: strconv.ParseUint: parsing "1.5"`, `/memory.max: strconv.ParseUint: parsing "-1"`}},
	{"wrong-v1", 8, total, []string{
		"/cpu.cfs_quota_us: a quota of 150000 µs in 0 µs", `/memory.limit_in_bytes: strconv.ParseUint: parsing "all"`,
		`/memory.stat: strconv.ParseUint: parsing "1GB"`,
	}},
}

func TestRead(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) != len(trees) {
		t.Errorf("%d files for %d cases, %v", len(files), len(trees), err)
	}
	for _, tree := range trees {
		t.Run(tree.name, func(t *testing.T) {
			got, err := read(load(t, tree.name), 8)
			if want := (Machine{tree.cores, tree.memory}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			checkErrors(t, err, tree.errs)
		})
	}
}

func checkErrors(t *testing.T, err error, parts []string) {
	t.Helper()
	var lines []string
	if err != nil {
		lines = strings.Split(err.Error(), "\n")
	}
	if len(lines) != len(parts) {
		t.Fatalf("error %v, want %d lines", err, len(parts))
	}
	for i, part := range parts {
		if !strings.Contains(lines[i], part) {
			t.Errorf("error %q, want one with %q", lines[i], part)
		}
	}
}

func load(t *testing.T, name string) fs.FS {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	root := fstest.MapFS{}
	for _, f := range archive.Files {
		root[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return root
}

// TestQuotaAboveCPUs: a quota gives no more CPUs than there are.
func TestQuotaAboveCPUs(t *testing.T) {
	got, err := read(load(t, "docker-v2"), 1)
	if err != nil || got.Cores != 1 {
		t.Errorf("%g cores, %v", got.Cores, err)
	}
}

// TestUnreadable: a file that is there, but can't be read, is told of.
func TestUnreadable(t *testing.T) {
	root := load(t, "docker-v2").(fstest.MapFS)
	root["sys/fs/cgroup/memory.max"] = &fstest.MapFile{Mode: fs.ModeDir}
	got, err := read(root, 8)
	if want := (Machine{1.5, total}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	checkErrors(t, err, []string{"memory.max"})
}

func TestWholeCores(t *testing.T) {
	for cores, want := range map[float64]int{0: 1, .01: 1, .5: 1, 1: 1, 1.01: 2, 1.5: 2, 2: 2, 127.5: 128} {
		if got := (Machine{Cores: cores}).WholeCores(); got != want {
			t.Errorf("%g cores are %d, want %d", cores, got, want)
		}
	}
}

// TestThisMachine: wherever the test runs, it has CPUs and memory, and no more than the machine.
func TestThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Fatal(err)
	}
	m, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	if m.Cores <= 0 || m.Cores > float64(runtime.NumCPU()) || m.Memory < 16*mebibyte {
		t.Errorf("%+v", m)
	}
	t.Logf("%+v", m)
}
