package spec_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A bounds says how much a search may take.
type bounds struct {
	optimize string // for gcc: what a short search gains by -O2 is less than what that takes
	compress bool   // states take less memory and more time
	memory   int    // MiB
	depth    int    // steps of the longest run
	hash     int    // bits of the index of the hash table
	patience time.Duration
}

// A finding is what a search came to.
type finding struct {
	states int
	depth  int
	memory float64 // MiB
	took   time.Duration
	wrong  string // what failed, "" if nothing: the rule's name, or spin's words
	report string // all of pan's words
}

// atOnce bounds how many searches run at the same time.
var atOnce = make(chan struct{}, 2)

// search has spin examine every run of a model. It fails the test if the
// search could not be done or was not complete.
func search(t *testing.T, model string, flags []string, b bounds) finding {
	t.Helper()
	atOnce <- struct{}{}
	defer func() { <-atOnce }()
	ctx, cancel := context.WithTimeout(t.Context(), b.patience)
	defer cancel()

	// In a folder of its own: spin and pan write files beside the model.
	dir := t.TempDir()
	text, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, model), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(ctx, t, dir, "spin", append(defines(flags), "-a", model)...); strings.Contains(out, "rror") {
		t.Fatalf("spin refuses %s %v:\n%s", model, flags, out)
	}
	gcc := []string{
		"-w", b.optimize, "-DSAFETY", "-DNOFAIR", "-DVECTORSZ=256", fmt.Sprintf("-DMEMLIM=%d", b.memory),
		"-o", "pan", "pan.c",
	}
	if b.compress {
		gcc = append(gcc, "-DCOLLAPSE")
	}
	command(ctx, t, dir, "gcc", gcc...)
	begun := time.Now()
	report := command(ctx, t, dir, "./pan", fmt.Sprintf("-m%d", b.depth), fmt.Sprintf("-w%d", b.hash))
	f := parse(t, report)
	f.took = time.Since(begun)
	if f.wrong != "" {
		// The steps that lead there.
		f.report += "\n" + tail(command(ctx, t, dir, "./pan", "-r"), 120)
	}
	return f
}

func defines(flags []string) []string {
	var ds []string
	for _, f := range flags {
		ds = append(ds, "-D"+f)
	}
	return ds
}

// command runs a program that must be there and succeed.
func command(ctx context.Context, t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil && !strings.HasPrefix(name, "./") {
		t.Fatalf("%s is missing, so the models cannot be checked: run scripts/install-test-clients, "+
			"or apt-get install spin gcc libc6-dev (%v)", name, err)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v (%v)\n%s", name, strings.Join(args, " "), err, context.Cause(ctx), tail(string(out), 40))
	}
	return string(out)
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

var (
	panWrong  = regexp.MustCompile(`(?m)^pan:\d+: (assertion violated )?(.*) \(at depth \d+\)$`)
	panErrors = regexp.MustCompile(`(?m)^State-vector \d+ byte, depth reached (\d+), errors: (\d+)$`)
	panStates = regexp.MustCompile(`(?m)^ *([0-9.e+]+) states, stored`)
	panMemory = regexp.MustCompile(`(?m)^ *([0-9.]+)\ttotal actual memory usage$`)
)

// parse reads pan's report. A search without an error counts only if it was
// complete.
func parse(t *testing.T, report string) finding {
	t.Helper()
	errors := panErrors.FindStringSubmatch(report)
	states := panStates.FindStringSubmatch(report)
	memory := panMemory.FindStringSubmatch(report)
	if errors == nil || states == nil || memory == nil {
		t.Fatalf("pan's report is not what it should be:\n%s", report)
	}
	for _, bad := range []string{"max search depth too small", "out of memory", "memory limit", "aborted", "truncated"} {
		if strings.Contains(report, bad) {
			t.Fatalf("the search was cut short: %s\n%s", bad, report)
		}
	}
	for _, want := range []string{"Full statespace search for:", "assertion violations\t+", "invalid end states\t+"} {
		if !strings.Contains(report, want) {
			t.Fatalf("the search did not look for everything: no %q\n%s", want, report)
		}
	}
	f := finding{report: report, depth: whole(t, errors[1]), states: whole(t, states[1])}
	f.memory, _ = strconv.ParseFloat(memory[1], 64)
	wrong := panWrong.FindStringSubmatch(report)
	if wrong != nil {
		f.wrong = wrong[2]
	}
	if complete := !strings.Contains(report, "Search not completed"); complete != (wrong == nil) || complete != (errors[2] == "0") {
		t.Fatalf("pan's report contradicts itself:\n%s", report)
	}
	return f
}

func whole(t *testing.T, s string) int {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64) // 1.5e+08 is possible
	if err != nil {
		t.Fatal(err)
	}
	return int(f)
}
