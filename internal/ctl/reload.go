package ctl

import (
	"context"
	"net/http"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

// Reload has the server read its configuration again. A configuration that is refused is a StatusError with its problems; nothing has changed then. What
// it returns is fit for a terminal: root may ask a server of somebody else's.
func (c *Client) Reload(ctx context.Context) (*api.ReloadAnswer, error) {
	r := &api.ReloadAnswer{}
	err := c.Order(ctx, http.MethodPost, "/api/v1/reload", r)
	for _, list := range [][]string{r.Applied, r.Restart, r.Kept} {
		for i, s := range list {
			list[i] = printable(s)
		}
	}
	return r, err
}
