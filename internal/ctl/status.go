package ctl

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

// A Status is what a server does: its workers, and its streams as far as they were asked for. Its JSON is documented in docs/commands.md.
type Status struct {
	Time    time.Time         `json:"time"`    // of the look, by this machine's clock
	Version string            `json:"version"` // "" when it is not known
	Workers api.WorkersAnswer `json:"workers"` // as GET /api/v1/workers
	Streams api.StreamsAnswer `json:"streams"` // as GET /api/v1/streams; next is there when not all were asked for
}

// page is how many streams are asked for at once.
const page = 1000

// Status looks once, at most at so many streams, the first by name; a negative number is all.
func (c *Client) Status(ctx context.Context, streams int) (*Status, error) {
	s := &Status{}
	var workersErr, streamsErr error
	var asked sync.WaitGroup // each waits for workers that hang
	asked.Go(func() { workersErr = c.Get(ctx, "/api/v1/workers", &s.Workers) })
	asked.Go(func() { s.Streams, streamsErr = c.streams(ctx, streams) })
	asked.Wait()
	if err := cmp.Or(workersErr, streamsErr); err != nil {
		return nil, err
	}
	if streams == 0 {
		s.Streams.Coverage = s.Workers.Coverage
	}
	s.Version = c.version(ctx, s.Started())
	s.Time = time.Now()
	return s, nil
}

// streams asks page by page. The coverage is that of the page that the fewest workers answered.
func (c *Client) streams(ctx context.Context, most int) (api.StreamsAnswer, error) {
	all := api.StreamsAnswer{Streams: []api.Stream{}}
	for q := (url.Values{}); most != 0; {
		limit := page
		if most > 0 {
			limit = min(limit, most-len(all.Streams))
		}
		q.Set("limit", strconv.Itoa(limit))
		var part api.StreamsAnswer
		if err := c.Get(ctx, "/api/v1/streams?"+q.Encode(), &part); err != nil {
			return all, err
		}
		if len(all.Streams) == 0 || part.Answered < all.Answered {
			all.Coverage = part.Coverage
		}
		all.Streams, all.Next = append(all.Streams, part.Streams...), part.Next
		if part.Next == "" || len(all.Streams) == most {
			break
		}
		q.Set("after", part.Next)
	}
	return all, nil
}

// Started is when the oldest worker process began: the server runs at least since then. It is zero when no worker answered.
func (s *Status) Started() (oldest time.Time) {
	for i := range s.Workers.Workers {
		if t := s.Workers.Workers[i].Started; oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
	}
	return oldest
}

// A release is what the workers run that were started then.
type release struct {
	started time.Time
	version string
}

var buildInfo = regexp.MustCompile(`^rtmpedge_build_info\{.*\bversion="([^"\\]*)"`)

// version is that of a worker, from its metrics. It is asked for once of each server.
func (c *Client) version(ctx context.Context, started time.Time) string {
	if !c.runs.started.Equal(started) {
		c.runs = release{started, ""}
	}
	if c.runs.version != "" {
		return c.runs.version
	}
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	response, err := c.do(ctx, c.endpoints[c.first()], http.MethodGet, "/metrics")
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(io.LimitReader(response.Body, maxBody)); lines.Scan(); {
		if m := buildInfo.FindSubmatch(lines.Bytes()); m != nil {
			c.runs.version = printable(string(m[1]))
			break
		}
	}
	return c.runs.version
}
