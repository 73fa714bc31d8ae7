package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// send does one request, and decodes the answer unless into is nil.
func (c *Client) send(ctx context.Context, e *endpoint, method, path string, into any) error {
	response, err := c.do(ctx, e, method, path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: the answer breaks off: %w", e.name, err)
	case response.StatusCode != http.StatusOK:
		refused := &StatusError{Status: response.StatusCode}
		if json.Unmarshal(body, refused) != nil { // a proxy's, or one of the two words
			refused.Detail = names.Printable(strings.TrimSpace(string(body[:min(len(body), maxDetail)])), maxDetail)
		}
		return refused
	case len(body) > maxBody:
		return fmt.Errorf("%s: the answer is larger than %d MiB", e.name, maxBody>>20)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: this is no answer of an rtmp-edge: %w", e.name, err)
	}
	return nil
}

// maxBody bounds an answer: ten thousand streams are some ten megabytes.
const maxBody = 128 << 20

// maxDetail bounds what is told of an answer that is no JSON.
const maxDetail = 200

func (c *Client) do(ctx context.Context, e *endpoint, method, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.base+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := e.http.Do(request)
	var wrapped *url.Error // names an address that nobody gave
	switch {
	case err == nil:
		return response, nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("%s: %w", e.name, errLate)
	case errors.As(err, &wrapped):
		err = wrapped.Err
	}
	return nil, fmt.Errorf("%s: %w", e.name, err)
}

// printable makes a line of a server's fit for a terminal.
func printable(s string) string { return names.Printable(s, maxLine) }

const maxLine = 4096
