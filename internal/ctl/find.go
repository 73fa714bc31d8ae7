package ctl

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/master"
)

// systemRunDir is the run folder of the server that the package's unit runs.
const systemRunDir = "/run/rtmp-edge"

// Find returns the run folder of the server that is meant: runDir; or else that of the environment or the configuration file, as a server with
// them has it; or else that of the only server that can be found. Neither need be given. The file may have been spoilt since the server began.
// Errors: master.ErrNoServer, and what is wrong with run_dir.
func Find(configFile, runDir string) (string, error) { return find(configFile, runDir, systemRunDir) }

func find(configFile, runDir, system string) (string, error) {
	if runDir != "" {
		return runDir, nil
	}
	dir, err := config.RunDir(configFile) // of the environment, too
	if err != nil || dir != "" {
		return dir, err
	}
	return search(system)
}

// search looks where servers are that have no run_dir, and where the package's is.
func search(system string) (string, error) {
	dirs, err := master.FindRunDirs()
	switch z, systemErr := master.OpenZone(system); {
	case systemErr == nil:
		z.File.Close()
		dirs = append(dirs, system)
	case errors.Is(systemErr, master.ErrZoneMoving):
		dirs = append(dirs, system)
	case !errors.Is(systemErr, master.ErrNoServer):
		err = errors.Join(err, systemErr)
	}
	switch {
	case len(dirs) == 0 && err != nil:
		return "", err
	case len(dirs) == 0:
		return "", fmt.Errorf("%w as user %d with a run folder in %s, or in %s: choose one with --run-dir=DIR or -c FILE",
			master.ErrNoServer, os.Geteuid(), os.TempDir(), system)
	case len(dirs) > 1:
		slices.Sort(dirs)
		return "", fmt.Errorf("%d servers run: choose one with --run-dir=DIR:\n  %s", len(dirs), strings.Join(dirs, "\n  "))
	}
	return dirs[0], nil
}
