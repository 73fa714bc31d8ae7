package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// composeTool is the command of the library by which Docker Compose itself reads a file.
const composeTool = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"

const composeFile = "deploy/compose.yml"

// A composition is what Compose makes of deploy/compose.yml.
type composition struct {
	Services map[string]composeService
	Volumes  map[string]any
}

type composeService struct {
	Image       string
	Build       struct{ Context, Dockerfile string }
	Command     []string
	Environment map[string]string
	ReadOnly    bool     `json:"read_only"`
	CapDrop     []string `json:"cap_drop"`
	SecurityOpt []string `json:"security_opt"`
	Restart     string
	Tmpfs       []string
	Ulimits     struct{ Nofile int }
	GracePeriod string `json:"stop_grace_period"`
	Healthcheck struct {
		Test []string
	}
	Ports []struct {
		HostIP    string `json:"host_ip"`
		Published string
		Target    int
	}
	Volumes []struct {
		Type, Source, Target string
		ReadOnly             bool `json:"read_only"`
	}
}

// compose has Compose read the file with these variables. The tool itself reads none, neither of the environment nor of .env, so they are filled in first.
func compose(t *testing.T, variables map[string]string, flags ...string) (out string, err error) {
	t.Helper()
	text := readRepo(t, composeFile)
	for name, value := range variables {
		before, rest, found := strings.Cut(text, "${"+name)
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			t.Fatalf("%s does not ask for %s", composeFile, name)
		}
		text = before + value + after
	}
	file := filepath.Join(t.TempDir(), "compose.yml")
	write(t, file, text)
	return composeCheck(t, file, flags...)
}

// composeCheck reads a file as if it were in deploy/, as its relative paths are.
func composeCheck(t *testing.T, file string, flags ...string) (out string, err error) {
	t.Helper()
	return try(t, filepath.Join(repo, "deploy"), goTool(t, composeTool), append(append([]string{"-format", "json"}, flags...), file)...)
}

// filledIn are variables that a user gives.
var filledIn = map[string]string{"GRAFANA_ADMIN_PASSWORD": "a-password-of-the-tests", "RTMPEDGE_HTTP_TOKEN": "a-token-of-the-tests"}

func composed(t *testing.T) (c composition) {
	t.Helper()
	out, err := compose(t, filledIn)
	if err != nil {
		t.Fatal(err, out)
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err, out)
	}
	return c
}

func readRepo(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repo, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
