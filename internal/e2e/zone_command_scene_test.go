package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A zoneReport is the JSON of rtmp-edge zone, as docs/zone-command.md has it.
type zoneReport struct {
	RunDir string `json:"run_dir"`
	Master struct {
		PID     int    `json:"pid"`
		Process string `json:"process"`
	} `json:"master"`
	Zone *struct {
		Buckets  int  `json:"buckets"`
		Capacity int  `json:"capacity"`
		NameMax  int  `json:"name_max"`
		Live     int  `json:"live"`
		Dead     int  `json:"dead"`
		Busy     int  `json:"busy"`
		Free     int  `json:"free"`
		Frozen   bool `json:"frozen"`
	} `json:"zone"`
	Slots []struct {
		Slot    int    `json:"slot"`
		Epoch   int    `json:"epoch"`
		Open    bool   `json:"open"`
		PID     int    `json:"pid"`
		Process string `json:"process"`
		Streams int    `json:"streams"`
	} `json:"slots"`
	Streams []struct {
		Name string `json:"name"`
		Slot int    `json:"slot"`
		ID   string `json:"id"`
	} `json:"streams"`
	StreamsMore int `json:"streams_more"`
	Check       *struct {
		Good     bool     `json:"good"`
		Findings []string `json:"findings"`
	} `json:"check"`
}

// zoneCommand runs rtmp-edge zone.
func zoneCommand(args ...string) (code int, stdout, stderr string, err error) {
	return finishCommand(exec.Command(serverBinary, append([]string{"zone"}, args...)...))
}

// finishCommand runs a command to its end, which comes soon.
func finishCommand(cmd *exec.Cmd) (code int, stdout, stderr string, err error) {
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		return 0, "", "", err
	}
	late := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), out.String(), problems.String(), nil
	}
	return 0, out.String(), problems.String(), err
}

// zoneReport runs the command for programs.
func (s *server) zoneReport(code int, args ...string) (*zoneReport, error) {
	got, stdout, stderr, err := zoneCommand(append([]string{"--json", "--run-dir=" + s.runDir}, args...)...)
	if err != nil {
		return nil, err
	}
	if got != code {
		return nil, fmt.Errorf("exit code %d, not %d: %s%s", got, code, stdout, stderr)
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	var r zoneReport
	if err := decoder.Decode(&r); err != nil {
		return nil, fmt.Errorf("%w in %s", err, stdout)
	}
	if rest, err := io.ReadAll(decoder.Buffered()); err != nil || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("behind the JSON: %q, %w", rest, err)
	}
	return &r, nil
}

// owners are the slots of the streams.
func (r *zoneReport) owners() map[string]int {
	owners := map[string]int{}
	for _, stream := range r.Streams {
		owners[stream.Name] = stream.Slot
	}
	return owners
}

// processes tells what the workers do.
func (r *zoneReport) processes() (pids []int, states []string) {
	for _, slot := range r.Slots {
		pids, states = append(pids, slot.PID), append(states, slot.Process)
	}
	return pids, states
}

// hasLine tells whether there is a line with these words.
func hasLine(text, words string) bool {
	return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.Contains(strings.Join(strings.Fields(line), " "), words)
	})
}

// zoneFails runs the command where it can't tell anything.
func zoneFails(t *testing.T, says string, args ...string) {
	t.Helper()
	code, stdout, stderr, err := zoneCommand(args...)
	if err != nil || code != 1 || stdout != "" || !strings.Contains(stderr, says) {
		t.Errorf("exit code %d, %q, %q, %v; expected to hear %q", code, stdout, stderr, err, says)
	}
}

// launchWithoutRunDir starts a server whose run folder is a new one. It listens on a unix socket only.
func launchWithoutRunDir(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, dir: shortTempDir(t), opt: options{workers: 1, shutdownTimeout: shutdownTimeout}}
	file := filepath.Join(s.dir, "rtmp-edge.yml")
	text := fmt.Sprintf("workers: 1\nrtmp: {listen: [\"unix:%s\"]}\nhttp: {listen: []}\n", filepath.Join(s.dir, "rtmp.sock"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.exec("run", "-c", file)
	t.Cleanup(s.report)
	t.Cleanup(s.kill)
	t.Cleanup(s.finish)
	s.log.wait(t, 2*soon, "msg=ready", 1)
	return s
}
