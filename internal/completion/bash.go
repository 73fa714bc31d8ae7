package completion

import (
	"fmt"
	"strings"
)

// bashHead finds the command that the line has come to, and what is to be completed. Bash cuts words at "=", too.
const bashHead = `# Completion of NAME for bash, printed by "NAME completion bash".

FUNC() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $cur == "=" ]]; then
		cur=""
	elif [[ $prev == "=" ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	local at="" position=0 i=1 word commands flags valued
	FUNC_at "$at"
	while ((i < COMP_CWORD)); do
		word=${COMP_WORDS[i]}
		if [[ $word == "=" ]]; then
			i=$((i + 1))
		elif [[ $word == -* ]]; then
			if [[ " $valued " == *" $word "* && ${COMP_WORDS[i+1]} != "=" ]]; then
				i=$((i + 1))
			fi
		elif [[ " $commands " == *" $word "* ]]; then
			at="${at:+$at }$word"
			FUNC_at "$at"
		else
			position=$((position + 1))
		fi
		i=$((i + 1))
	done
	COMPREPLY=()
	if [[ " $valued " == *" $prev "* ]]; then
		FUNC_value "$at" "$prev"
	elif [[ $cur == -* ]]; then
		FUNC_words "$flags"
	elif [[ -n $commands ]]; then
		FUNC_words "$commands"
	else
		FUNC_value "$at" "$position"
	fi
}

FUNC_words() {
	local IFS=$' \t\n'
	COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

FUNC_paths() {
	local IFS=$'\n'
	compopt -o filenames 2>/dev/null
	COMPREPLY=($(compgen "$1" -- "$cur"))
}
`

func bash(name string, all []command) string {
	fn := identifier(name)
	var b strings.Builder
	b.WriteString(bashHead)
	b.WriteString("\n# What a command has: commands of its own, flags, and those of them that take a value.\nFUNC_at() {\n\tcase $1 in\n")
	for _, c := range all {
		var commands, flags, valued []string
		for _, sub := range c.children {
			commands = append(commands, sub.name)
		}
		for _, f := range c.flags {
			flags = append(flags, f.names()...)
			if f.value != nil {
				valued = append(valued, f.names()...)
			}
		}
		fmt.Fprintf(&b, "\t%s) commands=%s flags=%s valued=%s ;;\n", quote(c.path),
			quote(strings.Join(commands, " ")), quote(strings.Join(flags, " ")), quote(strings.Join(valued, " ")))
	}
	b.WriteString("\tesac\n}\n\n# What a flag's value, or a word at a position, may be.\nFUNC_value() {\n\tcase \"$1 $2\" in\n")
	for _, c := range all {
		for _, f := range c.flags {
			if f.value != nil {
				bashValue(&b, &c, f.value, f.names())
			}
		}
		for i, v := range c.args {
			places := []string{fmt.Sprint(i)}
			if c.repeats && i == len(c.args)-1 {
				places = []string{"*"}
			}
			bashValue(&b, &c, &v, places)
		}
	}
	b.WriteString("\tesac\n}\n\ncomplete -F FUNC NAME\n")
	return strings.NewReplacer("FUNC", fn, "NAME", name).Replace(b.String())
}

// bashValue is a case of what can be completed.
func bashValue(b *strings.Builder, c *command, v *value, places []string) {
	var does string
	switch v.kind {
	case file:
		does = "FUNC_paths -f"
	case folder:
		does = "FUNC_paths -d"
	case oneOf:
		does = "FUNC_words " + quote(strings.Join(v.words, " "))
	case anything:
		return
	}
	var cases []string
	for _, p := range places {
		if p == "*" {
			cases = append(cases, quote(c.path+" ")+p)
			continue
		}
		cases = append(cases, quote(c.path+" "+p))
	}
	fmt.Fprintf(b, "\t%s) %s ;;\n", strings.Join(cases, "|"), does)
}
