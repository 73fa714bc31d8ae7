package completion

import (
	"fmt"
	"strings"
)

// fishHead finds the command that the line has come to, of COMMANDS. Of flags, only those of the program alone can stand before one; VALUED are
// those that take a value.
const fishHead = `# Completion of NAME for fish, printed by "NAME completion fish".

# FUNC_at succeeds behind that command.
function FUNC_at
    set -l at
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word VALUED
            test -z "$at"; and set skip 1
        else if contains -- (string join -- ' ' $at $word) COMMANDS
            set -a at $word
        end
    end
    test "$at" = "$argv"
end

complete -c NAME -f
`

func fish(name string, all []command) string {
	var paths, valued []string
	for _, f := range all[0].flags {
		if f.value != nil {
			valued = append(valued, f.names()...)
		}
	}
	for _, c := range all[1:] {
		paths = append(paths, quote(c.path))
	}
	fn := identifier(name)
	var b strings.Builder
	b.WriteString(strings.NewReplacer("FUNC", fn, "NAME", name, "VALUED", strings.Join(valued, " "), "COMMANDS", strings.Join(paths, " ")).
		Replace(fishHead))
	for _, c := range all {
		here := fmt.Sprintf("complete -c %s -n %s", name, quote(strings.TrimSpace(fn+"_at "+c.path)))
		for _, sub := range c.children {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", here, sub.name, quote(sub.help))
		}
		for _, f := range c.flags {
			fmt.Fprintf(&b, "%s -l %s", here, strings.TrimPrefix(f.long, "--"))
			if f.short != "" {
				fmt.Fprintf(&b, " -s %s", strings.TrimPrefix(f.short, "-"))
			}
			if f.value != nil {
				b.WriteString(" -x" + fishValue(f.value))
			}
			fmt.Fprintf(&b, " -d %s\n", quote(f.help))
		}
		for _, v := range c.args {
			if a := fishValue(&v); a != "" {
				fmt.Fprintf(&b, "%s%s\n", here, a)
			}
		}
	}
	return b.String()
}

// fishValue is what is offered, as an argument list.
func fishValue(v *value) string {
	switch v.kind {
	case file:
		return " -a '(__fish_complete_path)'"
	case folder:
		return " -a '(__fish_complete_directories)'"
	case oneOf:
		return " -a " + quote(strings.Join(v.words, " "))
	case anything:
	}
	return ""
}
