package completion

import (
	"fmt"
	"strings"
)

func zsh(name string, all []command) string {
	fn := identifier(name)
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n# Completion of %s for zsh, printed by %q.\n", name, name, name+" completion zsh")
	for _, c := range all {
		zshFunction(&b, fn, &c)
	}
	fmt.Fprintf(&b, "\nif [[ $funcstack[1] == %s || $funcstack[1] == _%s ]]; then\n\t%s \"$@\"\nelse\n\tcompdef %s %s\nfi\n", fn, name, fn, fn, name)
	return b.String()
}

// zshFunction completes behind one command, which is the first of its words.
func zshFunction(b *strings.Builder, fn string, c *command) {
	fmt.Fprintf(b, "\n%s() {\n", zshName(fn, c.path))
	if len(c.children) > 0 {
		b.WriteString("\tlocal curcontext=$curcontext state line\n\ttypeset -A opt_args\n")
	}
	b.WriteString("\t_arguments")
	if len(c.children) > 0 {
		b.WriteString(" -C")
	}
	for _, f := range c.flags {
		fmt.Fprintf(b, " \\\n\t\t%s", zshFlag(&f))
	}
	for i, v := range c.args {
		place := fmt.Sprint(i + 1)
		if c.repeats && i == len(c.args)-1 {
			place = "*"
		}
		fmt.Fprintf(b, " \\\n\t\t%s", quote(place+":"+zshValue(&v)))
	}
	if len(c.children) == 0 {
		b.WriteString("\n}\n")
		return
	}
	b.WriteString(" \\\n\t\t'1: :->command' \\\n\t\t'*:: :->rest'\n\tcase $state in\n\tcommand)\n\t\tlocal -a commands=(\n")
	for _, sub := range c.children {
		fmt.Fprintf(b, "\t\t\t%s\n", quote(sub.name+":"+sub.help))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands\n\t\t;;\n\trest)\n\t\tcase $words[1] in\n")
	for _, sub := range c.children {
		fmt.Fprintf(b, "\t\t%s) %s ;;\n", sub.name, zshName(fn, strings.TrimSpace(c.path+" "+sub.name)))
	}
	b.WriteString("\t\tesac\n\t\t;;\n\tesac\n}\n")
}

func zshName(fn, path string) string {
	if path == "" {
		return fn
	}
	return fn + "__" + strings.ReplaceAll(path, " ", "_")
}

var zshEscape = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`)

// zshFlag is a specification of _arguments. Behind a long flag, the value may stand after "=".
func zshFlag(f *flag) string {
	tail := "[" + zshEscape.Replace(f.help) + "]"
	mark := ""
	if f.value != nil {
		tail += ":" + zshValue(f.value)
		mark = "="
	}
	if f.short == "" {
		return quote(f.long + mark + tail)
	}
	return quote("("+f.short+" "+f.long+")") + "{" + f.short + "," + f.long + mark + "}" + quote(tail)
}

// zshValue is message and action.
func zshValue(v *value) string {
	action := " "
	switch v.kind {
	case file:
		action = "_files"
	case folder:
		action = "_path_files -/" // _files would offer others where there is none
	case oneOf:
		action = "(" + strings.Join(v.words, " ") + ")"
	case anything:
	}
	return zshEscape.Replace(v.name) + ":" + action
}
