package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// maxBody bounds the body of a request.
const maxBody = 64 << 10

// readJSON decodes the body of a request. Of one that it does not take, it answers why, and returns false.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		w.Header().Set("Accept", "application/json") // RFC 9110 §12.5.1
		problem(w, problemDetails{Status: http.StatusUnsupportedMediaType, Detail: "the body must be JSON, with Content-Type: application/json"})
		return false
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return true
		}
		if err == nil {
			err = errors.New("something follows it")
		}
	}
	if errors.As(err, new(*http.MaxBytesError)) {
		problem(w, problemDetails{Status: http.StatusRequestEntityTooLarge, Detail: "the body is larger than 64 KiB"})
		return false
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	badRequest(w, "the body is not the JSON that is expected: "+err.Error())
	return false
}
