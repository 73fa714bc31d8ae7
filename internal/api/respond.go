package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problemDetails is an error as application/problem+json (RFC 9457 §3.1). The type is always about:blank, so that the title is the
// phrase of the status (§4.2.1).
type problemDetails struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	*Coverage
}

const problemType = "application/problem+json" // RFC 9457

func problem(w http.ResponseWriter, p problemDetails) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	writeJSON(w, p.Status, problemType, p)
}

func ok(w http.ResponseWriter, v any) { writeJSON(w, http.StatusOK, "application/json", v) }

// writeJSON encodes first: an answer is sent whole or not at all.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	send(w, status, contentType, append(body, '\n'))
}

// send answers with a whole body.
func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
