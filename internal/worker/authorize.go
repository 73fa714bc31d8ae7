package worker

import (
	"errors"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// policy returns the settings of the app that a stream belongs to.
func (w *Worker) policy(key string) config.App {
	app, _ := names.Split(key)
	return w.cfg().App(app)
}

// authorize checks the signed query that a publish or play needs where the app has a secret for it. Clients put it behind the stream's name, or
// behind the app.
func (s *session) authorize(action sign.Action, secret, key, query string) error {
	if secret == "" || s.private { // siblings ask for what they have authorised
		return nil
	}
	app, name := names.Split(key)
	now := time.Now()
	err := sign.Verify(secret, action, app, name, query, now)
	if errors.Is(err, sign.ErrMissing) { // the name may have a query of the player's own
		err = sign.Verify(secret, action, app, name, s.conn.ConnectRequest().Query, now)
	}
	s.w.metrics.AuthRequests.WithLabelValues(string(action), sign.Kind(err)).Inc()
	return err
}
