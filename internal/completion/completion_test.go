package completion

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// The program that is completed has everything that can be.
type grammar struct {
	Run  runGrammar  `cmd:"" default:"withargs" help:"Run it: it's the default."`
	Sign signGrammar `cmd:"" help:"Make a \"$(signed)\" [URL]. More."`
	Load struct {
		Publish struct {
			JSON string   `name:"json" placeholder:"FILE" help:"Where to."`
			Mode string   `enum:"send,writev" default:"send" help:"How."`
			URL  []string `arg:"" help:"What."`
		} `cmd:"" help:"Publish."`
		Hidden struct{} `cmd:"" hidden:""`
	} `cmd:"" help:"Load it."`
	Secret struct{} `cmd:"" hidden:""`
}

type runGrammar struct {
	Config string `short:"c" placeholder:"FILE" help:"Its file."`
}

type signGrammar struct {
	Action string `arg:"" enum:"publish,play" help:"What to permit."`
	Stream string `arg:"" help:"The stream."`
	RunDir string `placeholder:"DIR" help:"Its folder."`
	Check  bool   `negatable:"" default:"true" help:"Look."`
	Unseen string `hidden:""`
}

func model(t *testing.T) *kong.Application {
	t.Helper()
	k, err := kong.New(&grammar{}, kong.Name("test-prog"))
	if err != nil {
		t.Fatal(err)
	}
	return k.Model
}

// What is typed, and what the shells offer then. The last word is the one that is completed; the folder has the files one.yml and two words.yml, and
// a folder sub.
var cases = []struct {
	typed []string
	want  []string
}{
	{[]string{""}, []string{"load", "run", "sign"}},
	{[]string{"s"}, []string{"sign"}},
	{[]string{"--"}, []string{"--config", "--help"}},
	{[]string{"sign", "--"}, []string{"--check", "--help", "--no-check", "--run-dir"}},
	{[]string{"sign", "--run"}, []string{"--run-dir"}},
	{[]string{"sign", "p"}, []string{"play", "publish"}},
	{[]string{"sign", "--check", "pl"}, []string{"play"}},
	{[]string{"sign", "--run-dir", "s"}, []string{"sub"}},
	{[]string{"sign", "--run-dir", "o"}, nil},
	{[]string{"run", "-c", "o"}, []string{"one.yml"}},
	{[]string{"-c", "o"}, []string{"one.yml"}},
	{[]string{"-c", "load", "s"}, []string{"sign"}},
	{[]string{"run", "--config", "t"}, []string{"two words.yml"}},
	{[]string{"load", ""}, []string{"publish"}},
	{[]string{"load", "publish", "--mode", ""}, []string{"send", "writev"}},
	{[]string{"load", "publish", "--mode", "w"}, []string{"writev"}},
	{[]string{"load", "publish", "--json", "o"}, []string{"one.yml"}},
	{[]string{"load", "publish", "--m"}, []string{"--mode"}},
}

// A stand is a folder with the script and files.
func stand(t *testing.T, shell string) (dir, script string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Fatalf("%v (`make clients` installs what the tests need)", err)
	}
	dir = t.TempDir()
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(filepath.Join(files, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	script = filepath.Join(dir, "_test_prog")
	for path, text := range map[string]string{
		script: Script(model(t), shell), filepath.Join(files, "one.yml"): "", filepath.Join(files, "two words.yml"): "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files, script
}

// shell runs a program of a shell, and returns the lines that it prints.
func shell(t *testing.T, dir string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "LC_ALL=C.UTF-8", "TERM=dumb")
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", args[0], err, out)
	}
	return sorted(string(out))
}

// sorted returns the lines that have something in them, each once.
func sorted(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, " ")
}

func TestBash(t *testing.T) {
	t.Parallel()
	dir, script := stand(t, "bash")
	const run = `set -u; source %s; COMP_WORDS=(test-prog %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _test_prog test-prog "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%%s\n' "${COMPREPLY[@]}"`
	check := func(words, want []string) {
		t.Helper()
		got := shell(t, dir, "bash", "--norc", "-c", fmt.Sprintf(run, quote(script), quoted(words)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", words, diff)
		}
	}
	for _, c := range cases {
		check(c.typed, c.want)
	}
	// Bash cuts at "=".
	check([]string{"run", "--config", "=", "o"}, []string{"one.yml"})
	check([]string{"load", "publish", "--mode", "="}, []string{"send", "writev"})
	check([]string{"load", "publish", "--mode", "=", "send", "--j"}, []string{"--json"})
	check([]string{"load", "publish", "http", "--j"}, []string{"--json"})
}

func TestFish(t *testing.T) {
	t.Parallel()
	dir, script := stand(t, "fish")
	for _, c := range cases {
		line := "test-prog " + strings.Join(c.typed, " ")
		out := shell(t, dir, "fish", "--no-config", "-c", "source "+quote(script)+"; complete -C "+quote(line))
		var got []string
		for _, l := range out {
			word, _, _ := strings.Cut(l, "\t")
			got = append(got, strings.TrimSuffix(strings.ReplaceAll(word, `\ `, " "), "/"))
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.typed, diff)
		}
	}
}
