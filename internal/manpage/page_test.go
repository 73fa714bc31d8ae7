package manpage

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

type grammar struct {
	Run    struct{}   `cmd:"" default:"1" help:"Run it."`
	Odd    oddGrammar `cmd:"" help:".Dots, 'quotes', \\backslashes\\ and … ~ ^ at the beginning of a line."`
	Hidden struct{}   `cmd:"" hidden:""`
	Group  struct {
		Inner struct {
			URL []string `arg:"" help:"What."`
		} `cmd:"" help:"Within."`
	} `cmd:"" help:"A group."`
}

type oddGrammar struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"'Its' file."`
	RunDir string `placeholder:"DIR" help:"Its folder."`
	Check  bool   `negatable:"" default:"true" help:"Look."`
	Name   string `arg:"" optional:"" placeholder:"APP/NAME" help:"The name."`
	Unseen string `hidden:""`
}

func (*oddGrammar) Help() string {
	return "First paragraph.\n.not a request\n\nSecond: exit codes 0 and 1.\n\n  kept as\n  it is"
}

func rendered(t *testing.T, date time.Time) string {
	t.Helper()
	k, err := kong.New(&grammar{}, kong.Name("test-prog"), kong.Description("A program."))
	if err != nil {
		t.Fatal(err)
	}
	return Page(k.Model, "1.2.3", date)
}

var day = time.Date(2026, 1, 2, 23, 59, 0, 0, time.FixedZone("", -3600))

// A manual page is ASCII, and groff and man find nothing to warn of, with a date and without.
func TestPageIsClean(t *testing.T) {
	t.Parallel()
	for _, date := range []time.Time{day, {}} {
		text := rendered(t, date)
		if i := strings.IndexFunc(text, func(r rune) bool { return r >= 0x7f || r < ' ' && r != '\n' }); i >= 0 {
			t.Errorf("%q", text[i:])
		}
		file := filepath.Join(t.TempDir(), "test-prog.1")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"groff", "-ww", "-man", "-z", file}, {"man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file}} {
			if _, warnings := render(t, args...); warnings != "" {
				t.Errorf("%v: %s", args, warnings)
			}
		}
	}
}

// render runs a program of roff.
func render(t *testing.T, args ...string) (out, warnings string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "MANROFFOPT=", "MANPAGER=cat", "MAN_KEEP_FORMATTING=", "LC_ALL=C.UTF-8", "MANWIDTH=100")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v (`make clients` installs what the tests need): %s", args, err, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// What a reader sees is what the model says, letter by letter.
func TestPageReads(t *testing.T) {
	t.Parallel()
	file, source := filepath.Join(t.TempDir(), "test-prog.1"), rendered(t, day)
	if !strings.Contains(source, ".B \\-c, \\-\\-config=\\fIFILE\\fB\n") || !strings.Contains(source, ".B \\-\\-run\\-dir=\\fIDIR\\fB\n") { // else some terminals show, and copy, what is no hyphen of a flag
		t.Errorf("hyphens are not those of flags:\n%s", source)
	}
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	text, _ := render(t, "groff", "-man", "-Tutf8", "-P-cbou", file)
	flat := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"TEST-PROG(1) User Commands TEST-PROG(1) NAME test-prog - A program SYNOPSIS",
		"test-prog run test-prog odd --config=FILE [flags] [APP/NAME] test-prog group inner URL ... DESCRIPTION",
		`.Dots, 'quotes', \backslashes\ and … ~ ^ at the beginning of a line.`,
		"First paragraph. .not a request Second: exit codes 0 and 1. kept as it is",
		"-c, --config=FILE 'Its' file.", "--[no-]check Look.", "[APP/NAME] The name.",
		"EXIT STATUS", "SIGNALS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO", "test-prog 1.2.3 2026-01-03",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, hidden := range []string{"unseen", "hidden", "--help=", "Unseen"} {
		if strings.Contains(flat, hidden) {
			t.Errorf("%q is there", hidden)
		}
	}
}
