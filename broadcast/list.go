package broadcast

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// A listed is one element of RenderList.
type listed struct {
	Worker      int             `json:"worker"`
	Status      int             `json:"status,omitempty"`
	ContentType string          `json:"content_type,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"`
	Encoding    string          `json:"encoding,omitempty"`
	Error       string          `json:"error,omitempty"`
	Reason      string          `json:"reason,omitempty"`
}

// RenderList says what each worker answered, in the order of workers:
//
//	[{"worker": 0, "status": 200, "content_type": "application/json", "body": {"a": 1}},
//	 {"worker": 1, "status": 404, "content_type": "text/plain", "body": "no such thing\n",
//	  "error": "answered with status 404", "reason": "status"},
//	 {"worker": 2, "error": "no answer in time: waited 1s", "reason": "timeout"}]
//
// "error" and "reason" (of Reason) are there for whoever did not answer with a success; "status" for whoever answered. A body stands as it is
// if its Content-Type is JSON's, or there is none, and it is JSON; else it is a string; what isn't UTF-8 is a string in Base64 (RFC 4648 §4), with
// "encoding": "base64". An empty body is left out.
func RenderList(answers []Answer) Rendered {
	list := make([]listed, len(answers))
	for i := range answers {
		a := &answers[i]
		l := listed{Worker: a.Worker}
		if a.Err == nil {
			l.Status, l.ContentType = a.Status, strings.ToValidUTF8(a.Header.Get("Content-Type"), "�")
			l.Body, l.Encoding = quote(a)
		}
		if err := a.Problem(); err != nil {
			l.Error, l.Reason = err.Error(), Reason(err)
		}
		list[i] = l
	}
	return rendered(answers, "application/json", encode(list))
}

// quote is the body of an answer as a JSON value.
func quote(a *Answer) (body json.RawMessage, encoding string) {
	if len(a.Body) == 0 {
		return nil, ""
	}
	if isJSON(a.Header.Get("Content-Type")) {
		if raw, err := parse(a.Body); err == nil {
			return raw, ""
		}
	}
	text := string(a.Body)
	if !utf8.ValidString(text) {
		text, encoding = base64.StdEncoding.EncodeToString(a.Body), "base64"
	}
	return bytes.TrimSuffix(encode(text), []byte{'\n'}), encoding
}

// isJSON reports whether a body of this type may be JSON (RFC 8259 §11, RFC 6839 §3.1).
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// RenderConcat is the bodies of all answers with a success, one behind the other in the order of workers, and nothing else: what the
// broadcast of nginx-multiport-module gave, but for the order, which there began with the worker that was reached. Who is missing is told by
// HeaderExpected, HeaderAnswered, HeaderErrors and a status other than 200, never in the body.
//
// The type is the one that all of the bodies have, or else application/octet-stream. A body with a Content-Encoding can't be put
// together with others, and is an error ("bad_answer").
func RenderConcat(answers []Answer) Rendered {
	answers = slices.Clone(answers)
	var body bytes.Buffer
	var types []string
	for i := range answers {
		a := &answers[i]
		if a.Problem() != nil {
			continue
		}
		if e := a.Header.Get("Content-Encoding"); e != "" {
			*a = Answer{Worker: a.Worker, Err: encoded(e)}
			continue
		}
		if len(a.Body) == 0 {
			continue
		}
		types = append(types, a.Header.Get("Content-Type"))
		body.Write(a.Body)
	}
	if types = slices.Compact(types); len(types) != 1 || types[0] == "" {
		types = []string{"application/octet-stream"}
	}
	return rendered(answers, types[0], body.Bytes())
}
