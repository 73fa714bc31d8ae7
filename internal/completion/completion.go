// Package completion makes scripts with which shells complete a command line, from its kong model. The scripts are static: they run nothing.
package completion

import (
	"cmp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that Script knows.
var Shells = []string{"bash", "zsh", "fish"}

// Script returns the script for a shell, one of Shells.
func Script(app *kong.Application, shell string) string {
	all := flatten(app)
	switch shell {
	case "zsh":
		return zsh(app.Name, all)
	case "fish":
		return fish(app.Name, all)
	default:
		return bash(app.Name, all)
	}
}

// A command is a node of the model, as the shells need it.
type command struct {
	path     string // "bench play"; "" is the program alone
	help     string
	children []child
	flags    []flag
	args     []value // by position; the last may be repeated
	repeats  bool
}

type child struct{ name, help string }

type flag struct {
	long  string // --config
	short string // -c, or ""
	help  string
	value *value // nil of one that has none
}

// A value is what stands behind a flag, or alone.
type value struct {
	name  string
	kind  kind
	words []string // of an enumeration
}

type kind int

const (
	anything kind = iota
	file
	folder
	oneOf
)

// flatten lists the program and all commands that are not hidden.
func flatten(app *kong.Application) []command {
	var all []command
	var add func(n *kong.Node, path string, outer []flag)
	add = func(n *kong.Node, path string, outer []flag) {
		inner := slices.Concat(outer, flagsOf(n))
		c := command{path: path, help: brief(n.Help), flags: inner}
		for _, p := range n.Positional {
			c.args = append(c.args, *valueOf(p, ""))
			c.repeats = p.IsCumulative()
		}
		if d := n.DefaultCmd; d != nil && d.Tag.Default == "withargs" { // its flags work without its name
			c.flags = slices.Concat(inner, flagsOf(d))
		}
		at := len(all)
		all = append(all, c)
		for _, sub := range n.Children {
			if sub.Hidden {
				continue
			}
			all[at].children = append(all[at].children, child{sub.Name, brief(sub.Help)})
			add(sub, strings.TrimSpace(path+" "+sub.Name), inner)
		}
	}
	add(app.Node, "", nil)
	return all
}

func flagsOf(n *kong.Node) []flag {
	var out []flag
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		made := flag{long: "--" + f.Name, help: brief(f.Help)}
		if f.Short != 0 {
			made.short = "-" + string(f.Short)
		}
		if !f.IsBool() && !f.IsCounter() {
			made.value = valueOf(f.Value, f.PlaceHolder)
		}
		out = append(out, made)
		if f.Tag.Negatable != "" {
			out = append(out, flag{long: "--no-" + f.Name, help: "The opposite of --" + f.Name + "."})
		}
	}
	return out
}

func valueOf(v *kong.Value, placeholder string) *value {
	out := &value{name: cmp.Or(placeholder, v.Name)}
	switch {
	case v.Enum != "":
		out.kind, out.words = oneOf, v.EnumSlice()
	case strings.HasSuffix(placeholder, "FILE"):
		out.kind = file
	case strings.HasSuffix(placeholder, "DIR"):
		out.kind = folder
	}
	return out
}

// brief is the first sentence of a help text, which ends at a full stop or a colon.
func brief(help string) string {
	for _, end := range []string{". ", ": ", " (default"} {
		help, _, _ = strings.Cut(help, end)
	}
	return strings.TrimSuffix(help, ".")
}

// names are both forms of a flag.
func (f *flag) names() []string {
	if f.short == "" {
		return []string{f.long}
	}
	return []string{f.short, f.long}
}

// quote is for all three shells: what is between single quotes is taken as it is. Fish alone sees backslashes there, and there are none.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// identifier is the program's name, as a function may be called.
func identifier(name string) string { return "_" + strings.ReplaceAll(name, "-", "_") }
