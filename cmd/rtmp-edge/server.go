package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"

	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

// serverFlags say which running server is meant.
type serverFlags struct {
	Config string `short:"c" xor:"server" placeholder:"FILE" help:"The server's configuration file: its run_dir tells which server. Without this and --run-dir, the one that runs."`
	RunDir string `xor:"server" placeholder:"DIR" help:"The server's run folder."`
}

// runDir is the run folder of that server.
func (f *serverFlags) runDir() (string, error) { return ctl.Find(f.Config, f.RunDir) }

// open returns a client of that server.
func (f *serverFlags) open() (*ctl.Client, error) {
	dir, err := f.runDir()
	if err != nil {
		return nil, err
	}
	return ctl.Open(dir)
}

// asciiJSON is JSON for programs. A terminal that it gets to obeys no name in it.
func asciiJSON(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, c := range string(b) {
		if c < 0x7f { // JSON has escaped what is below a space
			out.WriteByte(byte(c))
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
