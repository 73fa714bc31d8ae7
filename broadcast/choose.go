package broadcast

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// asArgument is the argument of the query that names the Rendering.
const asArgument = "as"

// choose tells which rendering a request wants, by its argument "as" or else by Accept, and returns its query without that argument.
func choose(r *http.Request) (how Rendering, rest string, err error) {
	var kept, asked []string
	for arg := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(arg, "=")
		if name, err := url.QueryUnescape(key); err != nil || name != asArgument {
			kept = append(kept, arg)
			continue
		}
		asked = append(asked, value)
	}
	rest = strings.Join(kept, "&")
	switch {
	case len(asked) == 0:
		return preferred(r.Header.Values("Accept")), rest, nil
	case len(asked) > 1:
		return "", "", fmt.Errorf("%w: the argument %q is given twice", ErrBadRequest, asArgument)
	}
	switch how = Rendering(asked[0]); how {
	case List, JSON, Concat:
		return how, rest, nil
	}
	return "", "", fmt.Errorf("%w: %s=%q: it is list, json or concat", ErrBadRequest, asArgument, asked[0])
}

// preferred is Concat for who wants plain text rather than JSON, else List.
func preferred(accept []string) Rendering {
	if quality(accept, "text", "plain") > quality(accept, "application", "json") {
		return Concat
	}
	return List
}

// quality is how much a type is wanted by fields of Accept (RFC 9110 §12.5.1), from 0 to 1: what is most specific counts.
func quality(accept []string, kind, sub string) float64 {
	best, q := -1, 0.0
	for _, field := range accept {
		for item := range strings.SplitSeq(field, ",") {
			name, params, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			specific := -1
			switch name {
			case kind + "/" + sub:
				specific = 2
			case kind + "/*":
				specific = 1
			case "*/*":
				specific = 0
			}
			if specific <= best {
				continue
			}
			best, q = specific, 1
			if text, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(text, 64); err != nil {
					q = 0
				}
			}
		}
	}
	return q
}
