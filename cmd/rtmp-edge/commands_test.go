package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rtmp-edge/rtmp-edge/internal/manpage"
)

func model(t *testing.T) *kong.Application {
	t.Helper()
	k, err := kong.New(&cli{}, kong.Name("rtmp-edge"), kong.Description("RTMP live-streaming edge server."))
	if err != nil {
		t.Fatal(err)
	}
	return k.Model
}

// eachFlag calls f for each flag of each command that is not hidden.
func eachFlag(app *kong.Application, f func(command string, flag *kong.Flag)) {
	for _, c := range app.Leaves(true) {
		for _, flag := range c.Flags {
			if !flag.Hidden && flag.Name != "help" {
				f(c.Path(), flag)
			}
		}
	}
}

// docs/commands.md has a section for every command, in their order, with every flag that it has, and no other.
func TestCommandsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	bench, err := os.ReadFile("../../docs/bench.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(s, "\n")
		sections[title] = body
	}
	app := model(t)
	flags := map[string]map[string]bool{}
	for _, c := range app.Leaves(true) {
		first, _, _ := strings.Cut(c.Path(), " ")
		if _, ok := sections[first]; !ok {
			t.Errorf("no section %q", first)
		}
		if flags[first] == nil {
			flags[first] = map[string]bool{}
		}
	}
	eachFlag(app, func(command string, flag *kong.Flag) {
		first, _, _ := strings.Cut(command, " ")
		body := sections[first]
		if first == "bench" {
			body = string(bench)
		}
		flags[first]["--"+flag.Name] = true
		if flag.Tag.Negatable != "" {
			flags[first]["--no-"+flag.Name] = true
		}
		if !regexp.MustCompile(`--(no-)?` + flag.Name + `\b`).MatchString(body) {
			t.Errorf("%s --%s is not documented", command, flag.Name)
		}
	})
	for title, body := range sections {
		for _, named := range regexp.MustCompile(`\x60(--[a-z-]+)`).FindAllStringSubmatch(body, -1) {
			if known := flags[title]; known != nil && !known[named[1]] {
				t.Errorf("%s has no %s", title, named[1])
			}
		}
	}
	for _, c := range app.Leaves(true) {
		if code := regexp.MustCompile(`Exit codes: ([^\n]*)`).FindStringSubmatch(c.Detail); code != nil {
			for _, n := range regexp.MustCompile(`\b[0-9]\b`).FindAllString(code[1], -1) {
				if _, told, _ := strings.Cut(sections[c.Path()], "Exit codes:"); !strings.Contains(told, n) {
					t.Errorf("exit code %s of %s is not documented", n, c.Path())
				}
			}
		}
	}
}

// The manual page has every command and flag, and man finds nothing to warn of.
func TestManPage(t *testing.T) {
	page := manpage.Page(model(t), "1.2.3", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	file := filepath.Join(t.TempDir(), "rtmp-edge.1")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"groff", "-ww", "-man", "-z", file}, {"man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "MANROFFOPT=", "MANWIDTH=80", "LC_ALL=C.UTF-8")
		var warnings strings.Builder
		cmd.Stderr = &warnings
		if err := cmd.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%v: %v (`make clients` installs what the tests need): %s", args, err, warnings.String())
		}
	}
	plain := strings.ReplaceAll(page, `\-`, "-")
	eachFlag(model(t), func(command string, flag *kong.Flag) {
		_, section, _ := strings.Cut(plain, "\n.SS rtmp-edge "+command)
		section, _, _ = strings.Cut(section, "\n.S")
		if !strings.Contains(section, "--"+flag.Name) && !strings.Contains(section, "--[no-]"+flag.Name) {
			t.Errorf("%s --%s is not there", command, flag.Name)
		}
	})
	for _, hidden := range []string{"rtmp-edge worker", "rtmp-edge man ", "rtmp-edge bench receive"} {
		if strings.Contains(plain, ".SS "+hidden) {
			t.Errorf("%s is there", hidden)
		}
	}
}

func TestManDate(t *testing.T) {
	committed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		committed time.Time
		epoch     string
		want      time.Time
	}{
		{committed, "", committed},
		{committed, "86400", committed},
		{time.Time{}, "86400", time.Unix(86400, 0).UTC()},
		{time.Time{}, "", time.Time{}},
		{time.Time{}, "x", time.Time{}},
	} {
		if got := manDate(c.committed, c.epoch); !got.Equal(c.want) {
			t.Errorf("%v, %q: %v", c.committed, c.epoch, got)
		}
	}
}

// The package's comment names every command.
func TestCommentNamesCommands(t *testing.T) {
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(text), "\npackage main")
	for _, c := range model(t).Children {
		if !c.Hidden && !strings.Contains(comment, "//\trtmp-edge "+c.Name) {
			t.Errorf("no %s", c.Name)
		}
	}
}
