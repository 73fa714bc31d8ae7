// Package version tells which build this is.
//
// scripts/version finds it out for a release, and the linker writes it into the binary. Any other build says what the go command recorded: the
// version of the module, where it was had as one, or the revision of the tree.
package version

import (
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// next is the release that this tree leads to; scripts/version reads it here, until there is a tag.
const next = "0.1.0-dev"

// What a release says of itself, by -ldflags -X: the version without its v, the commit, and that commit's time in RFC 3339.
var release, revision, committed string

// Info is what the binary knows of its origin.
type Info struct {
	Release  string    // a semantic version, without a v before it
	Revision string    // the commit, with "+dirty" after it when the tree had other changes; "" if unknown
	Time     time.Time // of the commit, not of the build, which would make each build another; zero if unknown
}

// Get returns what the binary knows of its origin.
func Get() Info {
	if release != "" {
		at, _ := time.Parse(time.RFC3339, committed) // zero without one
		return Info{Release: strings.TrimPrefix(release, "v"), Revision: revision, Time: at.UTC()}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Release: next}
	}
	return recorded(info)
}

// recorded reads what the go command has left in the binary.
func recorded(info *debug.BuildInfo) Info {
	i := Info{Release: strings.TrimPrefix(info.Main.Version, "v")}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Revision = s.Value
		case "vcs.time":
			at, _ := time.Parse(time.RFC3339, s.Value)
			i.Time = at.UTC()
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty && i.Revision != "" {
		i.Revision += "+dirty"
	}
	// A tree without a tag is called v0.0.0 and its time and revision, which stand beside it.
	if i.Release == "" || i.Release == "(devel)" || strings.HasPrefix(i.Release, "0.0.0-") && i.Revision != "" {
		i.Release = next
	}
	return i
}

// Build returns the version, and the revision of the source or "".
func Build() (release, revision string) {
	i := Get()
	return i.Release, i.Revision
}

// String returns the version, with the revision where that is known.
func String() string { return Get().String() }

// String returns the version in one line, such as "0.1.0 (0123456789ab)".
func (i Info) String() string {
	hash, dirty, _ := strings.Cut(i.Revision, "+")
	if hash == "" {
		return i.Release
	}
	short := hash[:min(12, len(hash))]
	if dirty != "" {
		short += "+" + dirty
	}
	return i.Release + " (" + short + ")"
}

// Details returns all that is known, a line each, as `rtmp-edge version` prints it.
func Details() string {
	i := Get()
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			b.WriteString("\n" + name + ": " + value)
		}
	}
	b.WriteString("rtmp-edge " + i.Release)
	line("revision", i.Revision)
	if !i.Time.IsZero() {
		line("time", i.Time.Format(time.RFC3339))
	}
	line("go", strings.TrimPrefix(runtime.Version(), "go"))
	line("platform", runtime.GOOS+"/"+runtime.GOARCH)
	return b.String()
}
