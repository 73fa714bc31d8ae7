package ctl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
)

func TestFind(t *testing.T) {
	const variable = "RTMPEDGE_RUN_DIR"
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	write := func(name, text string) string {
		path := filepath.Join(temp, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	with, without := write("with.yml", "run_dir: /run/some\n"), write("without.yml", "workers: 2\n")
	spoilt := write("spoilt.yml", "workers: many\nrun_dir: /run/some\nhttp: {token_file: /none}\n")
	for _, c := range []struct {
		name, config, runDir, variable string
		want                           string
		problem                        string
	}{
		{name: "the folder itself", runDir: "/run/other", variable: "/run/third", want: "/run/other"},
		{name: "a configuration", config: with, want: "/run/some"},
		{name: "a configuration that was spoilt", config: spoilt, want: "/run/some"},
		{name: "the environment wins over a configuration", config: with, variable: "/run/third", want: "/run/third"},
		{name: "the environment", variable: "/run/third", want: "/run/third"},
		{name: "the environment, and a configuration without", config: without, variable: "/run/third", want: "/run/third"},
		{name: "a configuration without", config: without, problem: "no server runs as user"},
		{name: "nothing", problem: "choose one with --run-dir=DIR or -c FILE"},
		{name: "a file that isn't there", config: filepath.Join(temp, "none.yml"), variable: "/run/third", problem: "none.yml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(variable, c.variable)
			if c.variable == "" {
				if err := os.Unsetenv(variable); err != nil {
					t.Fatal(err)
				}
			}
			got, err := find(c.config, c.runDir, filepath.Join(temp, "system"))
			if got != c.want || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// A run folder that somebody else has made there is no server's, and no reason to give up.
func TestFindIgnoresOthers(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	system := filepath.Join(temp, "system")
	if err := os.Mkdir(system, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := search(system); !errors.Is(err, master.ErrNoServer) {
		t.Errorf("%q, %v", got, err)
	}
}
