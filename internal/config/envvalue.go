package config

import (
	"errors"
	"reflect"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// envNode reads the text of a variable for a key of type t: a single value as it is; a list of mappings as YAML; a list of
// single values as YAML too, or with commas between them. No node is no value. What is wrong with it is said without telling
// what it is: it may be a secret.
func envNode(text string, t reflect.Type) (n *yaml.Node, problem string) {
	text = strings.TrimSpace(text)
	switch {
	case firstUnprintable([]byte(text)) < len(text):
		return nil, "holds control characters, or is not UTF-8: write text"
	case text == "":
		return nil, ""
	case t.Kind() != reflect.Slice:
		return envScalar(text)
	case isMapping(t.Elem()), strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"), strings.HasPrefix(text, "- "):
		return envYAML(text)
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for item := range strings.SplitSeq(text, ",") {
		n, problem := envScalar(strings.TrimSpace(item))
		if problem != "" {
			return nil, problem
		}
		list.Content = append(list.Content, n)
	}
	return list, ""
}

func envYAML(text string) (n *yaml.Node, problem string) {
	n, err := document([]byte(text))
	if err == nil {
		return n, ""
	}
	if e, ok := errors.AsType[Error](err); ok {
		return nil, e.Text
	}
	_, what, hint := explain(err, []byte(text))
	return nil, "not YAML: " + what + ": correct the syntax" + hint
}

// envScalar reads a single value. It needs no quotes, whatever is in it; in quotes, it is as in the file: "" is the empty text.
func envScalar(text string) (n *yaml.Node, problem string) {
	if strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'") {
		n, err := document([]byte(text))
		if err != nil || n == nil || n.Kind != yaml.ScalarNode {
			return nil, "begins with a quote, and is no value in quotes: close them, or put the whole value into other ones"
		}
		return n, ""
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, "has more than one line, or a tab in it: write a single value"
	}
	n = &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	n.Tag = n.ShortTag() // what it would be in the file: a number, true …
	return n, ""
}
