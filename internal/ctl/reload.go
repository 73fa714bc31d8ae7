package ctl

import (
	"context"
	"net/http"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

// Reload has the server read its configuration again. A configuration that is refused is a StatusError with its problems; nothing has changed then.
func (c *Client) Reload(ctx context.Context) (*api.ReloadAnswer, error) {
	r := &api.ReloadAnswer{}
	return r, c.Order(ctx, http.MethodPost, "/api/v1/reload", r)
}
