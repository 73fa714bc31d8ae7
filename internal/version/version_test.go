package version

import (
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecorded(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	tree := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: hash},
			{Key: "vcs.time", Value: "2026-11-23T01:02:03Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for _, c := range []struct {
		name     string
		version  string
		settings []debug.BuildSetting
		want     Info
		line     string
	}{
		{"nothing", "", nil, Info{Release: next}, next},
		{"without a repository", "(devel)", nil, Info{Release: next}, next},
		{"a release by go install", "v1.2.3", nil, Info{Release: "1.2.3"}, "1.2.3"},
		{
			"a commit by go install", "v0.0.0-20261123010203-0123456789ab", nil,
			Info{Release: "0.0.0-20261123010203-0123456789ab"},
			"0.0.0-20261123010203-0123456789ab",
		},
		{"a tree without a tag", "v0.0.0-20261123010203-0123456789ab", tree("false"), Info{next, hash, at}, next + " (0123456789ab)"},
		{"a tree at a tag", "v1.2.3", tree("false"), Info{"1.2.3", hash, at}, "1.2.3 (0123456789ab)"},
		{"a changed tree", "v1.2.3+dirty", tree("true"), Info{"1.2.3+dirty", hash + "+dirty", at}, "1.2.3+dirty (0123456789ab+dirty)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := recorded(&debug.BuildInfo{Main: debug.Module{Version: c.version}, Settings: c.settings})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.String() != c.line {
				t.Errorf("String() = %q, want %q", got, c.line)
			}
		})
	}
}

// What the linker writes goes before what the go command recorded. That it does write is shown where releases are made, in internal/deploytest.
func TestRelease(t *testing.T) {
	t.Cleanup(func() { release, revision, committed = "", "", "" })
	release, revision, committed = "v1.2.3-rc.1", "0123456789abcdef", "2026-11-23T02:02:03+01:00"
	want := Info{Release: "1.2.3-rc.1", Revision: "0123456789abcdef", Time: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)}
	if diff := cmp.Diff(want, Get()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, want := String(), "1.2.3-rc.1 (0123456789ab)"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	for _, line := range []string{
		"rtmp-edge 1.2.3-rc.1\n", "revision: 0123456789abcdef\n", "time: 2026-11-23T01:02:03Z\n", "\ngo: ", "\nplatform: linux/",
	} {
		if got := Details() + "\n"; !strings.Contains(got, line) {
			t.Errorf("Details() lacks %q:\n%s", line, got)
		}
	}
}
