package console

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// An element of the page, with the text in it.
type element struct {
	name       string
	attributes map[string]string
	parents    []string
	text       strings.Builder
}

// elements parses the page, which closes and quotes all that it opens, so that tests need no parser of HTML.
func elements(t *testing.T, page string) []*element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict = false
	d.AutoClose = []string{"meta", "link", "img", "input"}
	d.Entity = xml.HTMLEntity
	var all, open []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				t.Errorf("<%s> is not closed", open[len(open)-1].name)
			}
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			for _, parent := range open {
				e.parents = append(e.parents, parent.name)
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].name != token.Name.Local {
				t.Fatalf("</%s> closes nothing", token.Name.Local)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text.Write(token)
			}
		}
	}
}

// ids maps the ids of the page to its elements.
func ids(t *testing.T) map[string]*element {
	t.Helper()
	found := map[string]*element{}
	for _, e := range elements(t, sources(t)["index.html"]) {
		if id, ok := e.attributes["id"]; ok {
			if found[id] != nil {
				t.Errorf("the id %q is there twice", id)
			}
			found[id] = e
		}
	}
	return found
}

var (
	idInScript  = regexp.MustCompile(`byId\("([^"]+)"(?: \+ (\w+))?`)
	importOf    = regexp.MustCompile(`(?m)^import \{([^}]*)\} from "\./([^"]+)";$`)
	exportOf    = regexp.MustCompile(`(?m)^export (?:async )?(?:function|const|class) (\w+)`)
	idInStyle   = regexp.MustCompile(`#([a-z][a-z0-9-]*)`)
	colourInCSS = regexp.MustCompile(`^[0-9a-f]{3,8}$`)
)

// Every id that a script, a style or the page itself refers to exists.
func TestIDs(t *testing.T) {
	t.Parallel()
	have := ids(t)
	referred := map[string]string{} // → by whom
	for name, source := range sources(t) {
		switch {
		case strings.HasSuffix(name, ".js"):
			for _, m := range idInScript.FindAllStringSubmatch(source, -1) {
				if m[2] == "" {
					referred[m[1]] = name
				}
			}
		case strings.HasSuffix(name, ".css"):
			for _, m := range idInStyle.FindAllStringSubmatch(source, -1) {
				if !colourInCSS.MatchString(m[1]) {
					referred[m[1]] = name
				}
			}
		}
	}
	for _, filter := range []string{"app", "name", "role", "protocol", "worker"} {
		referred["sessions-"+filter] = "sessions.js"
	}
	for _, e := range elements(t, sources(t)["index.html"]) {
		for _, attribute := range []string{"aria-labelledby", "aria-describedby", "for"} {
			if id := e.attributes[attribute]; id != "" {
				referred[id] = "index.html, " + attribute
			}
		}
		if id, ok := strings.CutPrefix(e.attributes["href"], "#"); ok {
			referred[id] = "index.html, href"
		}
	}
	if len(referred) < 30 {
		t.Fatalf("only %d references are found", len(referred))
	}
	for id, who := range referred {
		if have[id] == nil {
			t.Errorf("%s refers to the id %q, which is nowhere", who, id)
		}
	}
}

// Every file that the page needs is there, and no other; every import is of something that the file exports.
func TestImports(t *testing.T) {
	t.Parallel()
	files := sources(t)
	used := map[string]bool{"index.html": true}
	for _, e := range elements(t, files["index.html"]) {
		for _, attribute := range []string{"src", "href"} {
			if name := e.attributes[attribute]; name != "" && name[0] != '#' && !strings.HasPrefix(name, "../") {
				used[name] = true
			}
		}
	}
	for name, source := range files {
		for _, m := range importOf.FindAllStringSubmatch(source, -1) {
			used[m[2]] = true
			for _, want := range strings.Split(m[1], ",") {
				want = strings.TrimSpace(want)
				exported := exportOf.FindAllStringSubmatch(files[m[2]], -1)
				if !slices.ContainsFunc(exported, func(e []string) bool { return e[1] == want }) {
					t.Errorf("%s imports %s, which %s does not export", name, want, m[2])
				}
				if strings.Count(source, want) < 2 {
					t.Errorf("%s imports %s and does not use it", name, want)
				}
			}
		}
	}
	for name := range used {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is used and not there", name)
		}
	}
	for name := range files {
		if !used[name] {
			t.Errorf("%s is used nowhere", name)
		}
	}
}

// What screen readers need of the page as it is delivered; internal/e2e looks at what the scripts make of it.
func TestAccessiblePage(t *testing.T) {
	t.Parallel()
	all := elements(t, sources(t)["index.html"])
	count := map[string]int{}
	for _, e := range all {
		count[e.name]++
		a := e.attributes
		switch e.name {
		case "html":
			if a["lang"] != "en" {
				t.Error("the page does not say its language")
			}
		case "th":
			if a["scope"] != "col" {
				t.Errorf("the header %q has no scope", e.text.String())
			}
		case "button":
			if a["type"] != "button" || strings.TrimSpace(e.text.String()) == "" {
				t.Errorf("button %q has no text, or is no plain button", a["id"])
			}
		case "input", "select":
			if !slices.Contains(e.parents, "label") {
				t.Errorf("%s %q has no label", e.name, a["id"])
			}
		case "img":
			if _, ok := a["alt"]; !ok {
				t.Errorf("image %q has no alt", a["src"])
			}
		case "section", "nav", "dialog":
			if a["aria-label"] == "" && a["aria-labelledby"] == "" {
				t.Errorf("%s %q has no name", e.name, a["id"])
			}
		}
		if a["aria-live"] != "" && a["id"] != "banner" {
			t.Errorf("%q is read out whenever it changes", a["id"])
		}
	}
	for _, once := range []string{"h1", "main", "header", "footer", "nav", "title"} {
		if count[once] != 1 {
			t.Errorf("%d × <%s>", count[once], once)
		}
	}
	if count["table"] != 3 || count["caption"] != 3 {
		t.Errorf("%d tables, %d captions", count["table"], count["caption"])
	}
	banner := ids(t)["banner"]
	if banner.attributes["aria-live"] != "polite" || banner.attributes["role"] != "status" {
		t.Errorf("the banner is not read out: %v", banner.attributes)
	}
}
