package main

import (
	"fmt"
	"os"
	"strings"
)

// writeNotices writes what the licences of all modules want to go along with a program: the texts of their notices, in full.
func writeNotices(path string, modules []module) error {
	var b strings.Builder
	b.WriteString("rtmp-edge is made with the following, each under its own licence.\n\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "  %s (%s)\n", m, m.licence)
	}
	for _, m := range modules {
		for _, n := range m.notices {
			fmt.Fprintf(&b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), m, n.name, strings.TrimRight(n.text, "\n"))
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// String returns the module's name and version.
func (m module) String() string {
	if m.path == standard {
		return "Go's standard library " + m.version
	}
	return m.path + " " + m.version
}
