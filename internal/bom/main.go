// Command bom writes the bill of materials of a built program, and the notices of all that is linked into it. It asks the program itself what that is
// (as `go version -m` does) and the module cache for the licences; scripts/release runs it.
//
//	go run ./internal/bom --version 0.1.0 --time 2026-11-23T00:00:00Z --sbom FILE --notices FILE PROGRAM
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bom: %v\n", err)
		os.Exit(1)
	}
}

// errUsage is a call that lacks something.
var errUsage = errors.New("usage: bom --version VERSION --time TIME [--sbom FILE] [--notices FILE] PROGRAM")

func run(args []string) error {
	flags := flag.NewFlagSet("bom", flag.ContinueOnError)
	version := flags.String("version", "", "the program's version, without a v")
	at := flags.String("time", "", "the time of its commit, in RFC 3339")
	sbom := flags.String("sbom", "", "where the bill of materials goes (CycloneDX 1.6, JSON)")
	notices := flags.String("notices", "", "where the notices and licences go")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *version == "" || *at == "" {
		return errUsage
	}
	program := flags.Arg(0)
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read what %s is built of: %w", program, err)
	}
	modules, err := linked(info)
	if err != nil {
		return err
	}
	if *notices != "" {
		if err := writeNotices(*notices, modules); err != nil {
			return err
		}
	}
	if *sbom != "" {
		return writeSBOM(*sbom, product{program, *version, *at, info}, modules)
	}
	return nil
}
