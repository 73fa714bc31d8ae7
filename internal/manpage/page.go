// Package manpage makes the manual page of a program, in roff (man(7)), from its kong model and from what the model does not tell.
package manpage

import (
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Page returns the page, in ASCII. The date may be zero.
func Page(app *kong.Application, release string, date time.Time) string {
	day := ""
	if !date.IsZero() {
		day = date.UTC().Format(time.DateOnly)
	}
	p := &page{name: app.Name}
	p.line(`.\" Printed by "%s man": change the program, not this.`, app.Name)
	p.line(`.TH %s 1 "%s" "%s %s" "User Commands"`, strings.ToUpper(escape(app.Name)), day, escape(app.Name), escape(release))
	p.line(".nh\n.ad l") // flags and keys are not to be cut
	p.section("NAME")
	p.line(`%s \- %s`, escape(app.Name), escape(strings.TrimSuffix(app.Help, ".")))
	p.section("SYNOPSIS")
	for _, c := range leaves(app.Node) {
		p.line(".B %s\n.br", synopsis(app.Name, c))
	}
	p.section("DESCRIPTION")
	p.text(description)
	p.section("COMMANDS")
	for _, c := range leaves(app.Node) {
		p.command(c)
	}
	for _, s := range sections {
		p.section(s.title)
		p.text(s.text)
	}
	return p.String()
}

// leaves are the commands that do something, and are not hidden.
func leaves(n *kong.Node) []*kong.Node { return n.Leaves(true) }

// synopsis is a command, its flags that must be there, and its arguments.
func synopsis(name string, c *kong.Node) string {
	words := []string{escape(name + " " + c.Path())}
	optional := false
	for _, group := range c.AllFlags(true) {
		for _, f := range group {
			if f.Required {
				words = append(words, longName(f))
			}
			optional = optional || !f.Required && f.Name != "help"
		}
	}
	if optional {
		words = append(words, `[\fIflags\fB]`)
	}
	for _, a := range c.Positional {
		words = append(words, argument(a))
	}
	return strings.Join(words, " ")
}

func argument(a *kong.Positional) string {
	text := `\fI` + escape(strings.ToUpper(placeHolder(a))) + `\fB`
	if a.IsCumulative() {
		text += " ..."
	}
	if !a.Required {
		text = "[" + text + "]"
	}
	return text
}

func placeHolder(a *kong.Positional) string {
	if p := a.Tag.PlaceHolder; p != "" {
		return p
	}
	return a.Name
}

// flagName is a flag in all its forms, with its value, in bold.
func flagName(f *kong.Flag) string {
	if f.Short != 0 {
		return `\-` + string(f.Short) + ", " + longName(f)
	}
	return longName(f)
}

func longName(f *kong.Flag) string {
	text := `\-\-` + escape(f.Name)
	if f.Tag.Negatable != "" {
		text = `\-\-[no\-]` + escape(f.Name)
	}
	if !f.IsBool() && !f.IsCounter() {
		text += `=\fI` + escape(f.FormatPlaceHolder()) + `\fB`
	}
	return text
}

// A page is roff on its way.
type page struct {
	strings.Builder

	name string
}

func (p *page) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p, format+"\n", args...) // a builder takes all
}

func (p *page) section(title string) { p.line(".SH %q", title) }

// command is all that the model tells of one.
func (p *page) command(c *kong.Node) {
	p.line(".SS %s", synopsis(p.name, c))
	p.line("%s", line(c.Help))
	if c.Detail != "" {
		p.line(".PP")
		p.text(c.Detail)
	}
	for _, a := range c.Positional {
		p.line(".TP\n.B %s\n%s", argument(a), line(a.Help))
	}
	for _, f := range c.Flags {
		if !f.Hidden && f.Name != "help" {
			p.line(".TP\n.B %s\n%s", flagName(f), line(f.Help))
		}
	}
}

// text is paragraphs, separated by empty lines. Lines that begin with two spaces are kept as they are, and so is what is before " :: " in one
// of a list.
func (p *page) text(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if term, what, ok := strings.Cut(paragraph, " :: "); ok {
			p.line(".TP\n.B %s\n%s", escape(term), line(what))
			continue
		}
		if i > 0 {
			p.line(".PP")
		}
		if !strings.HasPrefix(paragraph, "  ") {
			p.line("%s", line(paragraph))
			continue
		}
		p.line(".nf")
		for l := range strings.SplitSeq(paragraph, "\n") {
			p.line("%s", line(l))
		}
		p.line(".fi")
	}
}

// line is text that begins a line, where roff looks for requests.
func line(s string) string {
	s = escape(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return strings.NewReplacer("\n.", "\n\\&.", "\n'", "\n\\&'").Replace(s)
}

// escape has roff take text as it is: hyphens are those of flags, and what is no ASCII has a name.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '^' || r == '~' || r == '`' || r == '\'':
			b.WriteString(map[rune]string{'^': `\(ha`, '~': `\(ti`, '`': `\(ga`, '\'': `\(aq`}[r])
		case r == '"':
			b.WriteString(`\(dq`)
		case r >= 0x7f:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
