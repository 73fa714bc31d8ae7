package broadcast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The header fields of every rendering. They say the same as its body, if that says it.
const (
	// HeaderExpected counts the workers that were asked.
	HeaderExpected = "Rtmpedge-Workers-Expected"
	// HeaderAnswered counts those that answered with a success. A rendering is whole when it equals HeaderExpected.
	HeaderAnswered = "Rtmpedge-Workers-Answered"
	// HeaderErrors names the others, each with its Reason: "2=timeout, 3=status". It is absent when there are none.
	HeaderErrors = "Rtmpedge-Workers-Errors"
)

// A Rendering is the form in which the answers of all workers become one.
type Rendering string

// The renderings.
const (
	List   Rendering = "list"   // see RenderList
	JSON   Rendering = "json"   // see RenderJSON
	Concat Rendering = "concat" // see RenderConcat
)

// Rendered is one answer for all workers.
type Rendered struct {
	Status int
	Header http.Header
	Body   []byte
}

// Render renders answers as asked for; unknown renderings are List.
func Render(how Rendering, answers []Answer) Rendered {
	switch how {
	case JSON:
		return RenderJSON(answers)
	case Concat:
		return RenderConcat(answers)
	default:
		return RenderList(answers)
	}
}

// Status is the status of one answer for all workers:
//   - 200: every worker answered with a success (200 to 299);
//   - 207 (RFC 4918 §11.1): some did, but not all. What is rendered is a part;
//   - the status that all workers answered with, if it is the same one of 400 and above;
//   - 502: none answered with a success, but some answered something;
//   - 503: none answered at all, or there are no workers.
func Status(answers []Answer) int {
	good, heard, same := 0, false, 0
	for i, a := range answers {
		if a.Problem() == nil {
			good++
		}
		heard = heard || a.Err == nil || errors.Is(a.Err, ErrBadAnswer) || errors.Is(a.Err, ErrBadBody) || errors.Is(a.Err, ErrTooLarge)
		if i == 0 || a.Status == same {
			same = a.Status // 0 for a worker that did not answer
		} else {
			same = -1
		}
	}
	switch {
	case good > 0 && good == len(answers):
		return http.StatusOK
	case good > 0:
		return http.StatusMultiStatus
	case same >= http.StatusBadRequest:
		return same
	case heard:
		return http.StatusBadGateway
	default:
		return http.StatusServiceUnavailable
	}
}

// rendered is the answer with all header fields.
func rendered(answers []Answer, contentType string, body []byte) Rendered {
	var errs []string
	good := 0
	for i := range answers {
		err := answers[i].Problem()
		if err == nil {
			good++
			continue
		}
		errs = append(errs, fmt.Sprintf("%d=%s", answers[i].Worker, Reason(err)))
	}
	h := http.Header{}
	h.Set(HeaderExpected, strconv.Itoa(len(answers)))
	h.Set(HeaderAnswered, strconv.Itoa(good))
	if len(errs) > 0 {
		h.Set(HeaderErrors, strings.Join(errs, ", "))
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	return Rendered{Status: Status(answers), Header: h, Body: body}
}

// A merged is the body of RenderJSON.
type merged struct {
	Expected int             `json:"workers_expected"`
	Answered int             `json:"workers_answered"`
	Errors   []workerError   `json:"errors,omitempty"`
	Merged   json.RawMessage `json:"merged"`
}

type workerError struct {
	Worker int    `json:"worker"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// RenderJSON merges the JSON of all workers:
//
//	{"workers_expected": 3, "workers_answered": 2,
//	 "errors": [{"worker": 2, "reason": "timeout", "detail": "no answer in time: waited 1s"}],
//	 "merged": …}
//
// What the workers say at one place becomes
//   - where all have arrays: one array, of the elements in the order of workers;
//   - where all have objects: one object of all their keys, sorted, each merged by these rules;
//   - for all else (numbers, strings, true and false, values of different kinds, objects more than 16 levels deep): a list of who
//     says what, [{"worker": 0, "value": …}, …]. That is so even when all say the same, or one alone says anything:
//     the form depends on the kinds of values, not on the values.
//
// A null counts as nothing where the others have arrays or objects; where all have null, it is null. Values stay as the worker wrote them, whatever
// the size of a number. Of a key that an object has twice, the last counts.
//
// Only answers with a success are merged. One that isn't JSON in UTF-8, or is nested deeper than 1000 levels, is an error
// ("bad_answer"), but for one with status 204 or 205, which has nothing to add. "errors" is absent when there are none.
func RenderJSON(answers []Answer) Rendered {
	answers = slices.Clone(answers)
	out := merged{Expected: len(answers), Merged: json.RawMessage("null")}
	var parts []part
	for i := range answers {
		a := &answers[i]
		if a.Problem() == nil {
			raw, err := content(a)
			if err != nil {
				*a = Answer{Worker: a.Worker, Err: err}
			} else if raw != nil {
				parts = append(parts, part{a.Worker, raw})
			}
		}
		if err := a.Problem(); err != nil {
			out.Errors = append(out.Errors, workerError{a.Worker, Reason(err), err.Error()})
		} else {
			out.Answered++
		}
	}
	if len(parts) > 0 {
		var value bytes.Buffer
		merge(&value, parts, 0)
		out.Merged = value.Bytes()
	}
	return rendered(answers, "application/json", encode(out))
}

// content is the JSON of an answer; nil if its status says that there is none.
func content(a *Answer) (json.RawMessage, error) {
	if len(a.Body) == 0 && (a.Status == http.StatusNoContent || a.Status == http.StatusResetContent) {
		return nil, nil
	}
	if e := a.Header.Get("Content-Encoding"); e != "" {
		return nil, encoded(e)
	}
	return parse(a.Body)
}

// encode is json.Marshal with a line's end, and without a change to what is JSON already, for what can be marshalled.
func encode(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // a mistake of ours: parse bounds what is in v
		panic(err)
	}
	return out.Bytes()
}

func encoded(how string) error {
	return fmt.Errorf("%w: it is encoded as %q", ErrBadBody, how)
}
