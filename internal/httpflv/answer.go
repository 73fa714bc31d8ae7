package httpflv

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// ContentType is what a stream is sent as.
const ContentType = "video/x-flv"

// SetHeader sets the header of every answer: nobody may keep it, and pages of any site may read it.
func SetHeader(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Access-Control-Allow-Origin", "*")
}

// Refuse answers a request with an error.
func Refuse(w http.ResponseWriter, status int, text string) {
	SetHeader(w.Header())
	http.Error(w, text, status)
}

// Head returns the head of the answer that a file follows. It has no length: it ends with the connection (RFC 9112 §6.3).
func Head(now time.Time) []byte {
	return head(http.StatusOK, now, http.Header{"Content-Type": {ContentType}})
}

// Refusal returns a whole answer with an error, for a connection that was taken from the HTTP server.
func Refusal(status int, text string, now time.Time) []byte {
	text += "\n"
	return append(head(status, now, http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(text))}, "X-Content-Type-Options": {"nosniff"},
	}), text...)
}

// head returns a status line and a header (RFC 9112 §4, §5), the last of their connection.
func head(status int, now time.Time, header http.Header) []byte {
	SetHeader(header)
	header.Set("Connection", "close")
	header.Set("Date", now.UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&b) // to memory: can't fail
	b.WriteString("\r\n")
	return b.Bytes()
}
