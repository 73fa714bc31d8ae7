package httpplay

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Refuse answers a request with an error.
func Refuse(w http.ResponseWriter, status int, text string) { http.Error(w, text, status) }

// Head returns the head of the answer that a stream follows. It has no length: it ends with the connection (RFC 9112 §6.3). Every answer has
// header, as SetHeader made it.
func Head(contentType string, header http.Header, now time.Time) []byte {
	return head(http.StatusOK, now, header, http.Header{"Content-Type": {contentType}})
}

// Refusal returns a whole answer with an error, for a connection that was taken from the HTTP server.
func Refusal(status int, text string, header http.Header, now time.Time) []byte {
	text += "\n"
	return append(head(status, now, header, http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(text))}, "X-Content-Type-Options": {"nosniff"},
	}), text...)
}

// head returns a status line and a header (RFC 9112 §4, §5), the last of their connection.
func head(status int, now time.Time, common, header http.Header) []byte {
	maps.Copy(header, common)
	header.Set("Connection", "close")
	header.Set("Date", now.UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&b) // to memory: can't fail
	b.WriteString("\r\n")
	return b.Bytes()
}
