package deploytest

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const migration = "docs/migrate-from-nginx-rtmp.md"

// TestEveryDirectiveHasARow: those of the module itself, and no others.
func TestEveryDirectiveHasARow(t *testing.T) {
	t.Parallel()
	known := moduleDirectives(t)
	rows := directiveRows(t)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if rows[name] == "" {
			t.Errorf("%s has no row for %s", migration, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		nginxOwn := rows[name] == "nginx itself"
		forked := strings.HasSuffix(name, "°")
		if !known[name] && !nginxOwn && !forked {
			t.Errorf("%s has a row for %s, which the module does not know", migration, name)
		}
	}
}

var directive = regexp.MustCompile("`([a-z_]+)`(°?)")

// directiveRows returns the directives in the first column of the document's tables, each with the heading above it.
func directiveRows(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	section, table := "", false
	for i, line := range readDocument(t, migration).prose {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		if !strings.HasPrefix(line, "|") {
			table = false
			continue
		}
		cells := strings.Split(line, "|")
		if cells[1] == " Directive " {
			table = true
		}
		if !table {
			continue
		}
		for _, m := range directive.FindAllStringSubmatch(cells[1], -1) {
			if found[m[1]+m[2]] != "" {
				t.Errorf("%s:%d: another row for %s", migration, i+1, m[1])
			}
			found[m[1]+m[2]] = section
		}
	}
	return found
}

// TestOptionsOfFFmpeg: each option that the tables name instead of a directive is one that ffmpeg has.
func TestOptionsOfFFmpeg(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	for _, topic := range []string{"full", "muxer=hls", "muxer=dash", "muxer=segment"} {
		help.WriteString(run(t, "", "ffmpeg", "-hide_banner", "-h", topic))
	}
	known := help.String()
	option := regexp.MustCompile("`(-[a-z][a-z_]+)(?: ([a-z_]+))?[^`]*`")
	checked := 0
	for i, line := range readDocument(t, migration).prose {
		for _, m := range option.FindAllStringSubmatch(line, -1) {
			checked++
			if !regexp.MustCompile(`(?m)^ *` + m[1] + `\b`).MatchString(known) {
				t.Errorf("%s:%d: ffmpeg has no option %s", migration, i+1, m[1])
			}
			if strings.HasSuffix(m[1], "_flags") && !regexp.MustCompile(`(?m)^ +`+m[2]+` `).MatchString(known) {
				t.Errorf("%s:%d: %s knows no %s", migration, i+1, m[1], m[2])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d options found: the test doesn't see them", checked)
	}
}

// nginxProgram is where Debian has it, which is not in everybody's PATH.
func nginxProgram() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx"
}
