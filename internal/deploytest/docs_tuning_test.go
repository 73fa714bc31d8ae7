package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	tuning     = "docs/tuning.md"
	kernelFile = "deploy/sysctl.d/90-rtmp-edge.conf"
)

var setting = regexp.MustCompile(`^([a-z0-9_.]+) = (\S+)$`)

// kernelSettings returns the keys of the file, with their values.
func kernelSettings(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo, kernelFile))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := setting.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%s: not a setting: %s", kernelFile, line)
			continue
		}
		found[m[1]] = m[2]
	}
	if len(found) == 0 {
		t.Fatalf("%s has no settings", kernelFile)
	}
	return found
}

// TestKernelSettings: each is one of this kernel, and the document explains it, with that value.
func TestKernelSettings(t *testing.T) {
	t.Parallel()
	var rows []string
	for _, line := range readDocument(t, tuning).prose {
		if strings.HasPrefix(line, "| [`") {
			rows = append(rows, line)
		}
	}
	explained := strings.Join(rows, "\n")
	for key, value := range kernelSettings(t) {
		if _, err := os.Stat("/proc/sys/" + strings.ReplaceAll(key, ".", "/")); err != nil {
			t.Errorf("%s: %s: %v", kernelFile, key, err)
		}
		row := regexp.MustCompile("(?m)^.*`" + regexp.QuoteMeta(key) + "`.*$").FindString(explained)
		if cells := strings.Split(row, "|"); len(cells) < 5 || !strings.Contains(cells[3], value) {
			t.Errorf("%s does not explain %s = %s", tuning, key, value)
		}
	}
}

// TestKernelSettingsTake has sysctl read the file, where it changes nothing but a network of its own.
func TestKernelSettingsTake(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs(filepath.Join(repo, kernelFile))
	if err != nil {
		t.Fatal(err)
	}
	// What is not of a network namespace would be the machine's: default_qdisc. And not every kernel has bbr built in.
	const script = `grep -v 'default_qdisc\|congestion_control' "$1" >"$2/settings" && sysctl --quiet --load "$2/settings" && sysctl --values net.core.somaxconn`
	out := run(t, "", "unshare", "--net", "--", "sh", "-euc", script, "sh", file, t.TempDir())
	if want := kernelSettings(t)["net.core.somaxconn"]; strings.TrimSpace(out) != want {
		t.Errorf("net.core.somaxconn is %q, want %s", out, want)
	}
}

// TestQueuesAreAsLongAsTheKernelLets: what the document says of net.core.somaxconn.
func TestQueuesAreAsLongAsTheKernelLets(t *testing.T) {
	t.Parallel()
	limit, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort(t)
	file := filepath.Join(dir, "rtmp-edge.yml")
	write(t, file, fmt.Sprintf("workers: 2\nrtmp: {listen: [\"127.0.0.1:%d\"]}\nhttp: {listen: []}\n", port))
	serve(t, exec.Command(binary(t), "run", "-c", file))
	var sockets []string
	await(t, "two listening sockets", func() bool {
		sockets = strings.Split(strings.TrimSpace(run(t, "", "ss", "-ltnH", fmt.Sprintf("sport = :%d", port))), "\n")
		return len(sockets) == 2
	})
	for _, socket := range sockets {
		const queue = 2 // Send-Q, behind the state and Recv-Q
		if got := strings.Fields(socket)[queue]; got != strings.TrimSpace(string(limit)) {
			t.Errorf("%s: a queue of %s, want %s", socket, got, limit)
		}
	}
}

// TestZoneSizes compares the document's table with what the server takes.
func TestZoneSizes(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile(`^\| [a-z ]+ \| (\d+) \| (\d+) \| (\d+) \| ([0-9.]+ MiB) \|$`)
	rows := 0
	for i, line := range readDocument(t, tuning).prose {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows++
		t.Run(strings.Join(m[1:4], ","), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, runDir := filepath.Join(dir, "rtmp-edge.yml"), filepath.Join(dir, "run")
			write(t, file, fmt.Sprintf("workers: 1\nrun_dir: %s\nrtmp: {listen: [\"127.0.0.1:%d\"]}\nhttp: {listen: []}\nstream_zone: {buckets: %s, streams: %s, name_max: %s}\n",
				runDir, freePort(t), m[1], m[2], m[3]))
			serve(t, exec.Command(binary(t), "run", "-c", file))
			var out string
			await(t, "the zone", func() bool {
				var err error
				out, err = try(t, "", binary(t), "zone", "--run-dir", runDir)
				return err == nil
			})
			if !strings.Contains(out, " "+m[4]+" of memory") {
				t.Errorf("%s:%d says %s, the server\n%s", tuning, i+1, m[4], out)
			}
		})
	}
	if rows < 4 {
		t.Errorf("%s: only %d rows found: the test doesn't see them", tuning, rows)
	}
}
