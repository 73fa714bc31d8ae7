package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
)

// standard is what Go's standard library is called among modules.
const standard = "std"

// module is one that is linked into the program.
type module struct {
	path, version string
	sum           string // as in go.sum; "" for the standard library
	notices       []notice
	licence       string // an SPDX expression
}

// notice is a file in which a module tells its licence, its authors or its patents.
type notice struct {
	name, text string
}

// linked lists the standard library and the modules that the program is made of, but for its own.
func linked(info *debug.BuildInfo) ([]module, error) {
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	std := module{path: standard, version: strings.TrimPrefix(info.GoVersion, "go")}
	if err := std.read(strings.TrimSpace(root)); err != nil {
		return nil, err
	}
	modules := []module{std}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		m := module{path: dep.Path, version: dep.Version, sum: dep.Sum}
		dir, err := download(m)
		if err != nil {
			return nil, err
		}
		if err := m.read(dir); err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	return modules, nil
}

// download returns the module's folder in the module cache, and makes sure that what is there is what the program was built of.
func download(m module) (string, error) {
	out, err := output("go", "mod", "download", "-json", m.path+"@"+m.version)
	if err != nil {
		return "", err
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		return "", fmt.Errorf("go mod download %s@%s: %w", m.path, m.version, err)
	}
	if got.Sum != m.sum {
		return "", fmt.Errorf("%s@%s is %s in the module cache, and %s in the program", m.path, m.version, got.Sum, m.sum)
	}
	return got.Dir, nil
}

// noticeFile matches the names of files that a binary distribution has to pass on.
var noticeFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.(txt|md))?$`)

// read takes the notices and the licence from the module's folder.
func (m *module) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var licences bytes.Buffer
	for _, e := range entries {
		if e.IsDir() || !noticeFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.notices = append(m.notices, notice{e.Name(), string(text)})
		if name := strings.ToLower(e.Name()); strings.HasPrefix(name, "licen") || strings.HasPrefix(name, "copying") {
			licences.Write(text)
		}
	}
	if m.licence = expression(licences.String()); m.licence == "" {
		return fmt.Errorf("%s@%s has no licence that is known here, in %s: read it, and see internal/bom/licence.go", m.path, m.version, dir)
	}
	return nil
}

// output runs a command outside of the tree, whose go.mod it neither needs nor changes.
func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out), nil
}
