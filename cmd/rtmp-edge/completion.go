package main

import (
	"os"

	"github.com/alecthomas/kong"

	"github.com/rtmp-edge/rtmp-edge/internal/completion"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is what kong prints below the flags.
func (*completionCmd) Help() string {
	return "The script is static. Load it in a shell's start-up file, or put it where the shell looks for such:\n\n" +
		"  bash: source <(rtmp-edge completion bash), or /usr/share/bash-completion/completions/rtmp-edge\n" +
		"  zsh: source <(rtmp-edge completion zsh) behind compinit, or _rtmp-edge in a folder of $fpath\n" +
		"  fish: rtmp-edge completion fish | source, or ~/.config/fish/completions/rtmp-edge.fish"
}

func (c *completionCmd) Run(k *kong.Kong) error {
	_, err := os.Stdout.WriteString(completion.Script(k.Model, c.Shell))
	return err
}
