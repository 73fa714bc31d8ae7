//go:build torture

package streamzone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mutantWithin is how long the torture may take to find a mutant.
const mutantWithin = time.Minute

// A mutant is the code with something broken. The code has no switches for
// that: an exact piece of it is replaced.
type mutant struct {
	name    string
	changes []replacement
}

type replacement struct{ file, from, to string }

var mutants = []mutant{
	{"rule R1 off", []replacement{{
		"walk.go",
		"if i == target {\n\t\t\treturn false, nilLink, nil", "if i == target {\n\t\t\treturn true, nilLink, nil",
	}}},
	{"no generation in links", []replacement{
		{"word.go", "return link(s.gen()<<genShift | uint64(i+1)<<1)", "return link(uint64(i+1) << 1)"},
		{"walk.go", "s.gen() == at.gen() && s.phase() >= live, nil", "s.phase() >= live, nil"},
	}},
	{"an epoch-blind sweep", []replacement{{
		"sweep.go",
		"s.phase() == free || s.slot() != slot || s.epoch() == epoch", "s.phase() == free || s.slot() != slot || epoch == 0",
	}}},
	{"an insert without CAS", []replacement{{
		"claim.go",
		"if !t.head(bucket).CompareAndSwap(uint64(head), uint64(p.state.linkTo(p.index))) {\n\t\treturn false\n\t}",
		"t.head(bucket).Store(uint64(p.state.linkTo(p.index)))",
	}}},
	{"no mark", []replacement{{"release.go", "t.node(i, nodeNext).Or(uint64(mark))", ""}}},
	{"no effective check", []replacement{{
		"layout.go",
		"s.phase() == live && t.epoch(s.slot()) == s.epoch() && isOpen(s.epoch())", "s.phase() == live",
	}}},
	{"the interest is read before the node is linked", []replacement{
		{"claim.go", "c, err := z.claim(t, &k)", "interested := t.interests(k.bucket)\n\tc, err := z.claim(t, &k)"},
		{"claim.go", "t.ringBucket(k.bucket)", "t.ringBucket(k.bucket, interested)"},
		{"watch.go", "func (t *table) ringBucket(bucket uint64) {", interestsMutant},
		{"watch.go", "mask := t.interest(bucket, half).Load()", "mask := interested[half]"},
	}},
	{"the bell is rung before the dirty bit is set", []replacement{{
		"watch.go",
		"t.slot(slot, slotDirty+int(group/64)).Or(1 << (group % 64))\n\t\t\tcrash(atDirty)\n\t\t\tt.ring(slot)",
		"t.ring(slot)\n\t\t\tcrash(atDirty)\n\t\t\tt.slot(slot, slotDirty+int(group/64)).Or(1 << (group % 64))",
	}}},
	{"the bell is read after the dirty bits were taken", []replacement{
		{"watch.go", "heard := uint32(bell.Load())\n\t\tcrash(atHeard)", "crash(atHeard)"},
		{"watch.go", "futexWait(bell, heard, wait)", "futexWait(bell, uint32(bell.Load()), wait)"},
	}},
	{"the zone is copied before all stand still", []replacement{{
		"resize.go",
		`m.await(min(m.within, maxFrozen), "stand still", m.hasFrozen)`, `error(nil)`,
	}}},
	// To look once is enough, before the walk or after it: what is there at the
	// move stands still.
	{"a lookup does not look whether the zone has moved", []replacement{
		{"lookup.go", "moved := t.moved()", "moved := false"},
		{"zone.go", "if !t.moved() {", "if true {"},
	}},
	{"IDs change when the zone moves", []replacement{{
		"copy.go", "newAbout(s.Born, len(s.name)) | movedHere", "newAbout(s.Born, len(s.name))",
	}}},
}

const interestsMutant = `func (t *table) interests(bucket uint64) (masks [Slots / 64]uint64) {
	for half := range masks {
		masks[half] = t.interest(bucket, half).Load()
	}
	return masks
}

func (t *table) ringBucket(bucket uint64, interested [Slots / 64]uint64) {`

// Every mutant fails the torture, and not for some other reason.
func TestMutants(t *testing.T) {
	built := make(chan func() (string, error), len(mutants))
	dir := t.TempDir()
	go func() { // one is built while another one runs
		defer close(built)
		for i, m := range mutants {
			binary := filepath.Join(dir, fmt.Sprint("mutant", i))
			err := m.build(binary)
			built <- func() (string, error) { return binary, err }
		}
	}()
	for _, m := range mutants {
		binary, err := (<-built)()
		t.Run(m.name, func(t *testing.T) {
			if err != nil {
				t.Fatal(err)
			}
			fault, took := torture(t, binary)
			if fault == "" || took > mutantWithin {
				t.Fatalf("the torture did not find it within %v: %v, %q", mutantWithin, took, fault)
			}
			t.Logf("found in %v: %s", took.Round(time.Millisecond), fault)
			_ = os.Remove(binary)
		})
	}
}

// build makes the torture's test binary with the mutant in it. The files
// themselves stay as they are.
func (m *mutant) build(binary string) error {
	texts := map[string]string{}
	for _, c := range m.changes {
		text, ok := texts[c.file]
		if !ok {
			b, err := os.ReadFile(c.file)
			if err != nil {
				return err
			}
			text = string(b)
		}
		if n := strings.Count(text, c.from); n != 1 {
			return fmt.Errorf("the mutant no longer fits the code: %s has %d times %q", c.file, n, c.from)
		}
		texts[c.file] = strings.Replace(text, c.from, c.to, 1)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for file, text := range texts {
		path, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		mutated := binary + "-" + file
		if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
			return err
		}
		overlay.Replace[path] = mutated
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	list := binary + ".json"
	if err := os.WriteFile(list, b, 0o600); err != nil {
		return err
	}
	build := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s", "-tags", "torture", "-overlay", list, "-o", binary)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the mutant cannot be built: %w\n%s", err, out)
	}
	return nil
}

// torture runs the torture of another binary, to its first fault.
func torture(t *testing.T, binary string) (fault string, took time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), mutantWithin+2*patience)
	defer cancel()
	run := exec.CommandContext(ctx, binary, "-test.run=^TestTorture$")
	run.Env = append(os.Environ(), envTorture+"="+mutantWithin.String())
	// A group of its own, so that nothing of it is left, whatever happens.
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	run.WaitDelay = time.Second
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	begun := time.Now()
	err := run.Run()
	took = time.Since(begun)
	if err == nil {
		return "", took
	}
	for line := range strings.Lines(out.String()) {
		if f, ok := strings.CutPrefix(line, faultPrefix); ok {
			return strings.TrimSpace(f), took
		}
	}
	t.Logf("it failed for a reason that nobody knows: %v\n%s", err, out.String())
	return "", took
}
