package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The programs that the migration's document has beside the server, for what the server does not do itself.
const notHere = "What is not here"

// TestProgramsBesideTheServer runs the document's commands in place of record, push, pull, exec, hls, dash and play: each makes a stream, or files, that can be played.
func TestProgramsBesideTheServer(t *testing.T) {
	t.Parallel()
	here, there := plainServer(t), plainServer(t)
	publish(t, here.rtmp+"live/cam")
	publish(t, there.rtmp+"app/pulled")
	commands := commandsOfTable(t)
	if len(commands) < 7 {
		t.Fatalf("%s has %d commands: the test doesn't see them", migration, len(commands))
	}
	for i, line := range commands {
		name, _, _ := strings.Cut(strings.TrimPrefix(line[0], "`"), " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			command := line[1]
			if strings.Contains(command, "file.flv") {
				command = replaced(t, command, "live/cam", fmt.Sprintf("live/own%d", i)) // cam is there
				clipTo(t, filepath.Join(dir, "file.flv"))
			}
			if strings.HasPrefix(command, "ffmpeg -i rtmp://HOST/") {
				command = replaced(t, command, "app/cam", "app/pulled", "live/cam", fmt.Sprintf("live/own%d", i))
			}
			command = strings.NewReplacer("rtmp://127.0.0.1/", here.rtmp, "rtmp://HOST/", there.rtmp).Replace(command)
			makes(t, dir, command)
		})
	}
}

// plainServer starts one with the defaults, on ports of its own.
func plainServer(t *testing.T) migrated {
	t.Helper()
	rtmpPort, httpPort := freePort(t), freePort(t)
	file := filepath.Join(t.TempDir(), "rtmp-edge.yml")
	write(t, file, fmt.Sprintf("workers: 2\nrtmp: {listen: [\"127.0.0.1:%d\"]}\nhttp: {listen: [\"127.0.0.1:%d\"]}\n", rtmpPort, httpPort))
	serve(t, exec.Command(binary(t), "run", "-c", file))
	s := migrated{name: "rtmp-edge", rtmp: fmt.Sprintf("rtmp://127.0.0.1:%d/", rtmpPort), http: fmt.Sprintf("http://127.0.0.1:%d", httpPort)}
	await(t, "the server", func() bool { return get(s.http+"/readyz") != "" })
	return s
}

// commandsOfTable returns the rows of the document's table: what is in nginx, and the first command in its place.
func commandsOfTable(t *testing.T) (rows [][2]string) {
	t.Helper()
	command := regexp.MustCompile("`(ffmpeg [^`…]*)`")
	for _, line := range readDocument(t, migration).section(notHere).prose {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		if m := command.FindStringSubmatch(cells[2]); m != nil {
			rows = append(rows, [2]string{strings.TrimSpace(cells[1]), m[1]})
		}
	}
	return rows
}

// makes runs a command until what it makes, the last word of it, can be played.
func makes(t *testing.T, dir, line string) {
	t.Helper()
	words := strings.Fields(line)
	target := words[len(words)-1]
	cmd := command(t, dir, words[0], append([]string{"-nostdin", "-loglevel", "error"}, words[1:]...)...)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("%s\n%s", line, out.String())
		}
	}()
	if strings.HasPrefix(target, "rtmp://") {
		plays(t, target)
		interrupt(cmd)
		return
	}
	pattern := filepath.Join(dir, regexp.MustCompile(`%.`).ReplaceAllString(target, "*"))
	const enough = 200_000 // bytes: some seconds
	await(t, target, func() bool {
		found, _ := filepath.Glob(pattern)
		return len(found) > 0 && sizeOf(dir) > enough
	})
	interrupt(cmd)
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	plays(t, found[0])
}

// interrupt ends a command as Ctrl-C does.
func interrupt(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	forced := time.AfterFunc(awaitTime/2, func() { _ = cmd.Cancel() })
	defer forced.Stop()
	_ = cmd.Wait()
}

// sizeOf is the size of all files in a folder.
func sizeOf(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// clipTo makes a file of four seconds, H.264 and AAC.
func clipTo(t *testing.T, file string) {
	t.Helper()
	run(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine",
		"-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", file)
}

// TestStreamUnit has systemd read the document's template of a unit, with one of its commands.
func TestStreamUnit(t *testing.T) {
	t.Parallel()
	unit := readDocument(t, migration).section(notHere).in("ini")[0].text
	file := filepath.Join(t.TempDir(), "stream@.service")
	write(t, file, replaced(t, unit, "…", "-c copy -f null -"))
	if out := run(t, "", "systemd-analyze", "verify", "--recursive-errors=no", strings.Replace(file, "@", "@cam", 1)); out != "" {
		t.Errorf("systemd-analyze says:\n%s", out)
	}
}

// TestRecorderScript runs the document's script: a stream that nobody told it of is recorded.
func TestRecorderScript(t *testing.T) {
	t.Parallel()
	server, dir := plainServer(t), t.TempDir()
	script := readDocument(t, migration).section(notHere).in("sh")[0].text
	file := filepath.Join(dir, "record")
	write(t, file, replaced(t, script, "http://127.0.0.1:8080", server.http, "rtmp://127.0.0.1/", server.rtmp))
	cmd := command(t, dir, "sh", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	publish(t, server.rtmp+"live/unheard-of")
	pattern := filepath.Join(dir, "live_unheard-of-*.mkv")
	const enough = 200_000
	await(t, pattern, func() bool {
		found, _ := filepath.Glob(pattern)
		return len(found) > 0 && sizeOf(dir) > enough
	})
	interrupt(cmd)
	found, _ := filepath.Glob(pattern)
	if len(found) != 1 {
		t.Errorf("%d recorders, not one: %v", len(found), found)
	}
	await(t, "the recording", func() bool {
		_, err := tryPlay(t, found[0])
		return err == nil
	})
}
