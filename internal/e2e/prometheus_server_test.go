package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// deployed is what we ship for Prometheus and Grafana.
const deployed = "../../deploy"

// scrapeInterval is of the Prometheus of the tests, and how long it waits for an answer.
const scrapeInterval = time.Second

// A prometheus is the real program, which scrapes one port of a server with the configuration and the rules that we ship.
type prometheus struct {
	t    testing.TB
	url  string
	from time.Time // its first scrape is later
}

// scrape starts Prometheus on a worker's own port.
func (s *server) scrape(t testing.TB, worker int) *prometheus {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join(deployed, "prometheus", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.Join(deployed, "prometheus", "rules"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped)
	for from, to := range map[string]string{
		"scrape_interval: 15s": "scrape_interval: " + scrapeInterval.String(), "evaluation_interval: 15s": "evaluation_interval: " + scrapeInterval.String(),
		"scrape_timeout: 5s": "scrape_timeout: " + scrapeInterval.String(), "rules/*.yml": rules + "/*.yml",
		"127.0.0.1:8080": "127.0.0.1:" + strconv.Itoa(s.httpPort(worker)),
	} {
		if strings.Count(text, from) != 1 {
			t.Fatalf("not one %q in\n%s", from, shipped)
		}
		text = strings.Replace(text, from, to, 1)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(freePorts(t, 1))
	p := &prometheus{t, "http://" + address, time.Now()}
	process := run(t, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	waitFor(t, 2*soon, "Prometheus", func() string {
		if process.hasEnded() {
			t.Fatalf("Prometheus ended: %s", process.out.String())
		}
		v, err := p.query("up == 1")
		if err != nil || len(v) != 1 {
			return fmt.Sprint(v, err)
		}
		return ""
	})
	return p
}

// ask calls the API of Prometheus.
func (p *prometheus) ask(path string, query url.Values, data any) error {
	response, err := httpClient.Get(p.url + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Data  json.RawMessage `json:"data"`
		Error string          `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || answer.Error != "" {
		return fmt.Errorf("%s: %s", response.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// query evaluates an expression now.
func (p *prometheus) query(expr string) (model.Vector, error) {
	var data struct {
		ResultType model.ValueType `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	if err := p.ask("/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	var v model.Vector
	err := json.Unmarshal(data.Result, &v)
	return v, err
}

// series evaluates an expression at every step since Prometheus began.
func (p *prometheus) series(expr string, step time.Duration) model.Matrix {
	p.t.Helper()
	at := func(when time.Time) string { return strconv.FormatFloat(float64(when.UnixMilli())/1e3, 'f', 3, 64) }
	var data struct {
		Result model.Matrix `json:"result"`
	}
	err := p.ask("/api/v1/query_range", url.Values{
		"query": {expr}, "start": {at(p.from)}, "end": {at(time.Now())}, "step": {fmt.Sprint(step.Seconds())},
	}, &data)
	if err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	return data.Result
}

// await waits until an expression has a value.
func (p *prometheus) await(expr string) model.Vector {
	p.t.Helper()
	var v model.Vector
	waitFor(p.t, 2*soon, expr, func() string {
		var err error
		if v, err = p.query(expr); err != nil {
			p.t.Fatal(err)
		}
		if len(v) == 0 {
			return "empty"
		}
		return ""
	})
	return v
}

// counters are the names of all series of rtmp-edge that count, but for those of single buckets.
func (p *prometheus) counters() []string {
	p.t.Helper()
	var names []string
	if err := p.ask("/api/v1/label/__name__/values", nil, &names); err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		for _, end := range []string{"_total", "_count", "_sum"} {
			if strings.HasPrefix(name, "rtmpedge_") && strings.HasSuffix(name, end) {
				out = append(out, name)
			}
		}
	}
	return out
}
