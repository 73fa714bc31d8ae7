// Package version tells which build this is.
package version

import "runtime/debug"

// Release is the release that this tree leads to. A build from a module proxy or a tag says so itself.
const Release = "0.1.0-dev"

// String returns the version, with the revision where the build recorded it.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Release
	}
	release, revision := Release, ""
	if m := info.Main.Version; m != "" && m != "(devel)" {
		release = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			revision = " (" + s.Value[:12] + ")"
		}
	}
	return release + revision
}
