package completion

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zshSetup has an interactive zsh write what would be offered to a file, and end then: what it prints on a terminal is for people.
const zshSetup = `
PROMPT=
autoload -Uz compinit && compinit -u -d %s
source %s
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
comppostfuncs=( exit )
compadd() {
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then # a question of the functions among themselves
		builtin compadd "$@"
		return
	fi
	local -a hits
	builtin compadd -A hits "$@"
	print -rl -- $hits >> %s
	builtin compadd "$@"
}
`

// zshDrive types a line into it.
const zshDrive = `
zmodload zsh/zpty
zpty driven zsh -f -i
zpty -w driven ' source %s; print READY'
while zpty -r driven line; do [[ $line == READY* ]] && break; done
zpty -w -n driven %s$'\t'
while zpty -r driven line; do :; done
`

func TestZsh(t *testing.T) {
	t.Parallel()
	dir, script := stand(t, "zsh")
	setup, offered := script+".setup", script+".offered"
	if err := os.WriteFile(setup, fmt.Appendf(nil, zshSetup, quote(script+".dump"), quote(script), quote(offered)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		line := "test-prog " + strings.Join(c.typed, " ")
		if err := os.WriteFile(offered, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		shell(t, dir, "zsh", "-f", "-c", fmt.Sprintf(zshDrive, script+".setup", quote(line)))
		text, err := os.ReadFile(offered)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, sorted(strings.ReplaceAll(string(text), "\\ ", " "))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}
