package deploytest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A block is a fenced block of a document.
type block struct {
	lang string // what follows the fence
	line int    // of its first line, from 1
	text string
}

// document is a Markdown file, in parts.
type document struct {
	path   string // from the tree's root
	prose  []string
	blocks []block
}

// readDocument reads a file, given from the tree's root. In prose, the lines of blocks are empty.
func readDocument(t *testing.T, path string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo, path))
	if err != nil {
		t.Fatal(err)
	}
	d := document{path: path}
	var open *block
	for i, line := range strings.Split(string(text), "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{lang: strings.TrimPrefix(strings.TrimSpace(line), "```"), line: i + 2}
		case fence:
			d.blocks, open = append(d.blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		default:
			d.prose = append(d.prose, line)
			continue
		}
		d.prose = append(d.prose, "")
	}
	if open != nil {
		t.Fatalf("%s:%d: a block has no end", path, open.line)
	}
	return d
}

// in returns the blocks of a language.
func (d document) in(lang string) []block {
	return slices.DeleteFunc(slices.Clone(d.blocks), func(b block) bool { return b.lang != lang })
}

// commands returns the commands of blocks in sh and console, each as one line: what the reader is told to type.
func (b block) commands() []string {
	var found []string
	text := strings.ReplaceAll(b.text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		command, prompted := strings.CutPrefix(line, "$ ")
		if line == "" || strings.HasPrefix(line, "#") || b.lang == "console" && !prompted {
			continue
		}
		found = append(found, command)
	}
	return found
}

// documents are all that a user reads.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	for _, pattern := range []string{"*.md", "docs/*.md", "streamzone/spec/*.md"} {
		files, err := filepath.Glob(filepath.Join(repo, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files (%v)", pattern, err)
		}
		for _, file := range files {
			path, err := filepath.Rel(repo, file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, readDocument(t, path))
		}
	}
	for _, path := range []string{"README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		if !slices.ContainsFunc(all, func(d document) bool { return d.path == path }) {
			t.Errorf("there is no %s", path)
		}
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()\s]*\))?[^()\s]*)\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.+?)\s*$`)
	code    = regexp.MustCompile("`[^`]*`")
)

// TestLinks follows each link between documents, to the file and to the heading in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	links := 0
	for _, d := range documents(t) {
		for i, line := range d.prose {
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, "``"), -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				links++
				if problem := follow(t, d, m[1]); problem != "" {
					t.Errorf("%s:%d: %s: %s", d.path, i+1, m[1], problem)
				}
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links found: the test doesn't see them", links)
	}
}

// follow says what is wrong with a link of d, or nothing.
func follow(t *testing.T, d document, target string) string {
	t.Helper()
	path, anchor, anchored := strings.Cut(target, "#")
	file := d.path
	if path != "" {
		file = filepath.Join(filepath.Dir(d.path), path)
	}
	if _, err := os.Stat(filepath.Join(repo, file)); err != nil {
		return "there is no such file"
	}
	if anchored && !slices.Contains(anchors(readDocument(t, file)), anchor) {
		return "there is no such heading in " + file
	}
	return ""
}

// anchors returns the names by which the headings of a document can be reached, as Git hosts make them.
func anchors(d document) []string {
	var found []string
	for _, line := range d.prose {
		if m := heading.FindStringSubmatch(line); m != nil {
			found = append(found, slug(m[1]))
		}
	}
	return found
}

var (
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	unslugging = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

func slug(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	title = unslugging.ReplaceAllString(strings.ToLower(title), "")
	return strings.ReplaceAll(title, " ", "-")
}

// TestSlug: the test's own idea of a heading's name.
func TestSlug(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Is the answer whole?":          "is-the-answer-whole",
		"/control/":                     "control",
		"The way of a reload":           "the-way-of-a-reload",
		"`rtmp.tls`, and [more](x.md)":  "rtmptls-and-more",
		"Goals, missed — and by how_so": "goals-missed--and-by-how_so",
	} {
		if got := slug(title); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}
