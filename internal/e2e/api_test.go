package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// coverage is what every answer says of how many workers it stands for. The answers are decoded here into types of our
// own: they show what a user's program relies on.
type coverage struct {
	Expected int `json:"workers_expected"`
	Answered int `json:"workers_answered"`
	Errors   []struct {
		Worker int    `json:"worker"`
		Reason string `json:"reason"`
	} `json:"errors"`
}

// workersAnswer is GET /api/v1/workers.
type workersAnswer struct {
	coverage
	Workers []struct {
		Worker int `json:"worker"`
		Slot   int `json:"slot"`
		PID    int `json:"pid"`
	} `json:"workers"`
}

// streamInfo is one stream in GET /api/v1/streams.
type streamInfo struct {
	App        string `json:"app"`
	Name       string `json:"name"`
	State      string `json:"state"` // live or waiting
	OwnerSlot  *int   `json:"owner_slot"`
	Players    int    `json:"players"`
	Relays     []int  `json:"relays"` // workers
	BytesIn    uint64 `json:"bytes_in"`
	BytesOut   uint64 `json:"bytes_out"`
	VideoCodec string `json:"video_codec"`
	AudioCodec string `json:"audio_codec"`
	Publisher  *struct {
		Address string `json:"address"`
	} `json:"publisher"`
	Workers []struct {
		Worker       int `json:"worker"`
		Players      int `json:"players"`
		RelayPlayers int `json:"relay_players"`
	} `json:"workers"`
}

// playersOf counts those of one worker.
func (i *streamInfo) playersOf(worker int) int {
	for _, part := range i.Workers {
		if part.Worker == worker {
			return part.Players
		}
	}
	return 0
}

// streamsAnswer is GET /api/v1/streams.
type streamsAnswer struct {
	coverage
	Streams []streamInfo `json:"streams"`
}

// zoneAnswer is GET /api/v1/zone.
type zoneAnswer struct {
	coverage
	Zone struct {
		Buckets  int `json:"buckets"`
		Capacity int `json:"capacity"`
		NameMax  int `json:"name_max"`
		Live     int `json:"live"`
		Slots    []struct {
			Slot int  `json:"slot"`
			Open bool `json:"open"`
			PID  int  `json:"pid"`
		} `json:"slots"`
	} `json:"zone"`
}

// kickAnswer is DELETE /api/v1/streams/{app}/{name}.
type kickAnswer struct {
	coverage
	Kicked bool `json:"kicked"`
}

// httpClient opens a connection for each request: a worker may have been killed since the last.
var httpClient = &http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true}}

// call makes a request to a worker's own HTTP port, or to the shared one.
func (s *server) call(worker int, method, path string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(context.Background(), method, s.httpURL(worker, path), http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// get decodes what a path answers.
func (s *server) get(worker int, path string, into any) error {
	status, body, err := s.call(worker, http.MethodGet, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %s", path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("GET %s: %w: %s", path, err, body)
	}
	return nil
}

// pids asks for the workers' process ids, by worker.
func (s *server) pids(t testing.TB) []int {
	t.Helper()
	found := make([]int, s.opt.workers)
	waitFor(t, soon, "the pids of all workers", func() string {
		var answer workersAnswer
		if err := s.get(shared, "/api/v1/workers", &answer); err != nil {
			return err.Error()
		}
		clear(found)
		for _, w := range answer.Workers {
			if w.Worker < len(found) {
				found[w.Worker] = w.PID
			}
		}
		for worker, pid := range found {
			if pid == 0 {
				return fmt.Sprintf("worker %d is missing: %+v", worker, answer)
			}
		}
		return ""
	})
	return found
}

// stream finds a stream ("app/name") in the list that a worker answers.
func (s *server) stream(worker int, stream string) (info streamInfo, found bool, err error) {
	var answer streamsAnswer
	if err := s.get(worker, "/api/v1/streams", &answer); err != nil {
		return streamInfo{}, false, err
	}
	if answer.Answered != s.opt.workers || answer.Answered != answer.Expected {
		return streamInfo{}, false, fmt.Errorf("%d of %d workers answered", answer.Answered, answer.Expected)
	}
	for _, info := range answer.Streams {
		if info.App+"/"+info.Name == stream {
			return info, true, nil
		}
	}
	return streamInfo{}, false, nil
}

// awaitStream waits until the list says about a stream what it shall; done returns what is missing.
func (s *server) awaitStream(t testing.TB, stream string, done func(info streamInfo, found bool) string) {
	t.Helper()
	waitFor(t, soon, "stream "+stream, func() string {
		info, found, err := s.stream(shared, stream)
		if err != nil {
			return err.Error()
		}
		return done(info, found)
	})
}

// awaitPlayers waits until all workers together have so many players of a stream.
func (s *server) awaitPlayers(t testing.TB, stream string, players int) {
	t.Helper()
	s.awaitStream(t, stream, func(info streamInfo, _ bool) string {
		if info.Players == players {
			return ""
		}
		return fmt.Sprintf("%d players instead of %d", info.Players, players)
	})
}
