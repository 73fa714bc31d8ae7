package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// raceBinary says that the server under test was built by the race detector, which makes it some ten times slower.
var raceBinary = os.Getenv("RTMP_EDGE_E2E_RACE") == "1"

// serverBinary is the path of the built rtmp-edge.
var serverBinary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	if order := os.Getenv(envAttack); order != "" {
		// A test started this process again to attack a server.
		if err := attack(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if inherited := os.Getenv(envBinary); inherited != "" {
		// A test started this process again in a network namespace of its own.
		serverBinary = inherited
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "rtmp-edge-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A leftover in the temporary folder fails no test.

	serverBinary = filepath.Join(dir, "rtmp-edge")
	args := []string{"build", "-o", serverBinary}
	if raceBinary {
		args = append(args, "-race")
		// The detector would sleep for a second at the end of each process.
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	build := exec.Command("go", append(args, "github.com/rtmp-edge/rtmp-edge/cmd/rtmp-edge")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the server: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// scaled returns n, or a smaller number where the race detector slows the server down.
func scaled(n, underRace int) int {
	if raceBinary {
		return underRace
	}
	return n
}
