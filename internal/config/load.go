package config

import (
	"fmt"
	"os"
	"slices"
)

// Load reads the configuration file at path ("": none), then what the environment overrides, then the files that secrets are
// in. What is wrong with their content is of type Errors.
func Load(path string) (*Config, error) { return load(path, os.Environ()) }

func load(path string, environ []string) (*Config, error) {
	r, err := readBoth(path, environ)
	if err != nil {
		return nil, err
	}
	r.secretFiles()
	return r.result()
}

// LoadAgain is Load for a server that runs already. It refuses a file without content: at a start that means the defaults, but
// here, most likely, that somebody is just writing the file, or could not; and the defaults let everybody publish.
func LoadAgain(path string) (*Config, error) {
	r, err := readBoth(path, os.Environ())
	if err != nil {
		return nil, err
	}
	if r.empty {
		r.problems = append(r.problems, Error{Line: 1, Text: "the file is empty, so nothing is applied: write keys into it; {} are the defaults"})
	}
	r.secretFiles()
	return r.result()
}

// RunDir returns the run_dir that Load would, "" if there is none, whatever else is wrong with the file and the environment,
// and without reading secrets: by it a server is found, also when its configuration has been spoilt since.
func RunDir(path string) (string, error) { return runDir(path, os.Environ()) }

func runDir(path string, environ []string) (string, error) {
	r, err := readBoth(path, environ)
	if err != nil {
		return "", err
	}
	if !r.failed("run_dir") && (!r.broken || r.config.RunDir != "") {
		return r.config.RunDir, nil
	}
	_, err = r.result()
	return "", err
}

// readBoth reads the file at path, "" for none, and the environment over it.
func readBoth(path string, environ []string) (*reading, error) {
	r := newReading(path)
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		r.file(data)
	}
	r.environment(environ)
	return r, nil
}

// Parse reads a configuration; name is what errors call the file. An empty file is Default. Nothing but data counts: neither
// the environment, nor the files that data names for secrets.
func Parse(name string, data []byte) (*Config, error) {
	r := newReading(name)
	r.file(data)
	return r.result()
}

// A reading is a configuration that is put together from where it is written.
type reading struct {
	decoder

	name   string // what errors call the file
	config *Config
	broken bool // the file is no YAML: what it says is not known
	empty  bool // it says nothing
}

func newReading(name string) *reading {
	return &reading{name: name, config: Default(), decoder: decoder{places: make(map[string]place)}}
}

func (r *reading) file(data []byte) {
	root, err := document(data)
	if err != nil {
		r.problems = append(r.problems, syntaxProblem(err, data))
		r.broken = true
		return
	}
	r.empty = root == nil
	r.decode(root, "", r.config)
}

// result judges what was read.
func (r *reading) result() (*Config, error) {
	problems := r.problems
	if !r.broken {
		problems = slices.Concat(problems, r.config.validate(r.failed))
	}
	problems.locate(r.name, r.places)
	if err := problems.err(); err != nil {
		return nil, err
	}
	return r.config, nil
}
