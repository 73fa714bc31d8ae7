// Package version tells which build this is.
package version

import "runtime/debug"

// Release is the release that this tree leads to. A build from a module proxy or a tag says so itself.
const Release = "0.1.0-dev"

// String returns the version, with the revision where the build recorded it.
func String() string {
	release, revision := Build()
	if len(revision) < 12 {
		return release
	}
	return release + " (" + revision[:12] + ")"
}

// Build returns the version, and the revision of the source or "".
func Build() (release, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Release, ""
	}
	release = Release
	if m := info.Main.Version; m != "" && m != "(devel)" {
		release = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return release, revision
}
