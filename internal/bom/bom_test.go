package main

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of a program nobody knows the licences of there is no bill of materials; nor of a file that is no program.
func TestRefuses(t *testing.T) {
	other := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(other, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := run([]string{"--version", "1.0.0", "--time", "2026-01-02T03:04:05Z", "--sbom", other + ".json", other})
	if err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("of a file that is no program: %v", err)
	}
	if err := run([]string{"--version", "1.0.0", other}); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Errorf("without a time: %v", err)
	}
	m := module{path: "example.com/m", version: "v1.0.0"}
	if err := m.read(filepath.Dir(other)); err == nil || !strings.Contains(err.Error(), "example.com/m@v1.0.0 has no licence") {
		t.Errorf("of a module without a licence: %v", err)
	}
}

// What the module cache has must be what was linked.
func TestOtherModuleThanLinked(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 {
		t.Fatal("this test is linked with no module")
	}
	if modules, err := linked(info); err != nil || len(modules) != len(info.Deps)+1 {
		t.Errorf("%d modules, %v; want the standard library and %d", len(modules), err, len(info.Deps))
	}
	info.Deps[0].Sum = "h1:another"
	if _, err := linked(info); err == nil || !strings.Contains(err.Error(), "in the module cache") {
		t.Errorf("of a module with another sum: %v", err)
	}
}
