package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

const (
	// minSecret is the fewest bytes of a secret: 16 random ones are 128 bits, which nobody guesses.
	minSecret = 16
	// maxSecretFile is the most bytes of a file with one: who names a larger file means another.
	maxSecretFile = 64 << 10
)

// A secret is a key that can be in a file of its own, which the key with _file at its end names.
type secret struct {
	key   string
	value *string
	file  string
}

// fileKey is the key that names the file.
func (s secret) fileKey() string { return s.key + "_file" }

func (c *Config) secrets() []secret {
	all := []secret{{"http.token", &c.HTTP.Token, c.HTTP.TokenFile}}
	for i := range c.Apps {
		a, key := &c.Apps[i], fmt.Sprintf("apps[%d].", i)
		all = append(all,
			secret{key + "publish_secret", &a.PublishSecret, a.PublishSecretFile},
			secret{key + "play_secret", &a.PlaySecret, a.PlaySecretFile})
	}
	return all
}

// secretFiles reads the files that secrets are in. One that is there twice is an error, whichever would win.
func (r *reading) secretFiles() {
	for _, s := range r.config.secrets() {
		switch {
		case s.file == "" || r.failed(s.fileKey()) || r.failed(s.key):
		case *s.value != "":
			r.problems = append(r.problems, s.twice())
		default:
			text, err := readSecret(s.file)
			if err != nil {
				r.problems = append(r.problems, Error{Key: s.fileKey(), Text: err.Error()})
				continue
			}
			*s.value = text
		}
	}
}

func (s secret) twice() Error {
	const text = "is given beside %s: leave one of the two out, or write \"\" for it"
	return Error{
		Key: s.fileKey(), Text: fmt.Sprintf(text, s.key),
		other: &Error{Key: s.key, Text: fmt.Sprintf(text, s.fileKey())},
	}
}

// readSecret returns what is in a file, less the end of its last line. The error tells the path and nothing of the content.
func readSecret(path string) (string, error) {
	data, err := readRegular(path)
	if err != nil {
		return "", err
	}
	text, ended := strings.CutSuffix(string(data), "\n")
	if ended {
		text = strings.TrimSuffix(text, "\r")
	}
	if text == "" {
		return "", fmt.Errorf("%s is empty: write a secret into it, such as openssl rand -hex 32 prints", path)
	}
	if problem := secretProblem(text); problem != "" {
		return "", fmt.Errorf("%s %s", path, problem)
	}
	return text, nil
}

const fileAdvice = "write the path of a file that the server's user may read"

// readRegular reads a small file. What is none is not opened: to open a FIFO or a device may block, or do something.
func readRegular(path string) ([]byte, error) {
	if err := regular(os.Stat(path)); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, fileAdvice)
	}
	return readOpened(path)
}

// readOpened does not block, even if path has just become a FIFO.
func readOpened(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, cause(err), fileAdvice)
	}
	defer f.Close()
	if err := regular(f.Stat()); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, fileAdvice)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, cause(err), fileAdvice)
	}
	if len(data) > maxSecretFile {
		return nil, fmt.Errorf("%s has more than %d bytes: write the path of a file that holds the secret alone", path, maxSecretFile)
	}
	return data, nil
}

var errNotRegular = errors.New("not a regular file")

func regular(info os.FileInfo, err error) error {
	if err != nil {
		return cause(err)
	}
	if !info.Mode().IsRegular() {
		return errNotRegular
	}
	return nil
}

// cause is an error of a file without the path, which is told already.
func cause(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return at.Err
	}
	return err
}

// secretProblem says what is wrong with a secret, without telling what it is. "": nothing.
func secretProblem(s string) string {
	const advice = "write at least %d random ones, such as openssl rand -hex 32 prints"
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "has a line break in it, or is no text: write one line, such as openssl rand -hex 32 prints"
	case len(s) < minSecret:
		return fmt.Sprintf("has %d bytes, so few that it could be guessed: "+advice, len(s), minSecret)
	}
	return ""
}
