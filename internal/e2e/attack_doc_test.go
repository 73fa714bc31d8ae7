package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/limits.md has every limit of the configuration, with its default: as docs/configuration.md, which is tested against the code.
func TestAttackLimitsAreDocumented(t *testing.T) {
	t.Parallel()
	configured := map[string]string{} // default by key
	for _, row := range tableRows(t, "../../docs/configuration.md") {
		configured[strings.Trim(row[0], "`")] = strings.Trim(row[1], "`")
	}
	documented := map[string]bool{}
	for _, row := range tableRows(t, "../../docs/limits.md") {
		keys := keyPattern.FindAllStringSubmatch(row[2], -1)
		for i, m := range keys {
			key := m[1]
			value, ok := configured[key]
			if !ok {
				t.Errorf("there is no key %s", key)
				continue
			}
			documented[key] = true
			defaults := strings.Split(strings.ReplaceAll(row[1], " ", ""), ",")
			if defaults[0] != "" && defaults[min(i, len(defaults)-1)] != value && !strings.HasPrefix(key, "apps[]") {
				t.Errorf("%s is documented as %s, and is %s", key, row[1], value)
			}
		}
	}
	for key := range configured {
		if (strings.HasPrefix(key, "rtmp.limits.") || strings.HasPrefix(key, "live.log_")) && !documented[key] {
			t.Errorf("%s is missing", key)
		}
	}
}

var keyPattern = regexp.MustCompile("`([a-z_.]+(?:\\[\\])?[a-z_.]*)`")

// tableRows are the cells of all tables in a file, of three columns at least.
func tableRows(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "|") || len(cells) < 3 || !strings.Contains(line, "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}
