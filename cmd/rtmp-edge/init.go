package main

import (
	"os"

	"github.com/rtmp-edge/rtmp-edge/internal/pid1"
)

// standAlone returns where the server may run. In the first process of a container it may not: that one runs this very command again, and never returns
// but with an error.
func standAlone() error {
	if !pid1.IsFirst() {
		return pid1.Adopt()
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	small()
	code, err := pid1.Run(program, os.Args)
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}
