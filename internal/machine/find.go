package machine

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ownGroups finds, for the controllers "cpu" and "memory", the group that this process is in and those above it, as far as they are mounted.
//
// /proc/self/cgroup names them (cgroups(7)): "0::/a/b" in version 2, which has one tree for all controllers, "4:cpu,cpuacct:/a/b" in
// version 1, which may have one for each. Where a controller is in a tree of version 1, version 2 has nothing to say of it.
func ownGroups(root fs.FS) (map[string][]group, error) {
	text, err := readText(root, "proc/self/cgroup")
	mounts, err2 := readText(root, "proc/self/mountinfo")
	groups := map[string][]group{}
	for _, controller := range []string{"cpu", "memory"} {
		name, v1 := ownGroup(text, controller)
		for line := range strings.Lines(mounts) {
			if m, ok := parseMount(line); ok && m.holds(controller, v1) {
				groups[controller] = append(groups[controller], m.upFrom(root, name, v1)...)
			}
		}
	}
	return groups, errors.Join(err, err2)
}

// ownGroup returns the name of the process's group, an absolute path; "" if it is in none.
func ownGroup(text, controller string) (name string, v1 bool) {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(fields) < 3:
		case slices.Contains(strings.Split(fields[1], ","), controller):
			return fields[2], true
		case fields[0] == "0":
			name = fields[2]
		}
	}
	return name, false
}

// A mount is one line of /proc/self/mountinfo, see proc_pid_mountinfo(5):
//
//	36 35 98:0 /top /mnt rw,noatime master:1 - cgroup cgroup rw,memory
//	           top  point            any more  kind          options
type mount struct {
	top, point string // the group that is mounted, and where
	kind       string
	options    []string // controllers are among them, in version 1
}

// The kernel writes these bytes of a path as octal numbers.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func parseMount(line string) (mount, bool) {
	before, after, found := strings.Cut(line, " - ")
	first, last := strings.Fields(before), strings.Fields(after)
	if !found || len(first) < 5 || len(last) < 3 {
		return mount{}, false
	}
	return mount{
		top: unescape.Replace(first[3]), point: unescape.Replace(first[4]), kind: last[0], options: strings.Split(last[2], ","),
	}, true
}

func (m mount) holds(controller string, v1 bool) bool {
	if v1 {
		return m.kind == "cgroup" && slices.Contains(m.options, controller)
	}
	return m.kind == "cgroup2"
}

// upFrom returns the named group and those above it, up to the one that is mounted: none if the name is not below that.
func (m mount) upFrom(root fs.FS, name string, v1 bool) []group {
	top := strings.TrimSuffix(m.top, "/")
	below, found := strings.CutPrefix(name, top)
	if name == "" || !found || below != "" && below[0] != '/' || slices.Contains(strings.Split(below, "/"), "..") {
		return nil
	}
	var groups []group
	for below = path.Join("/", below); ; below = path.Dir(below) {
		folder := strings.TrimPrefix(path.Join(m.point, below), "/")
		groups = append(groups, group{root, folder, v1})
		if below == "/" {
			return groups
		}
	}
}
