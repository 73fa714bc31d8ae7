package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A rule is one of deploy/prometheus/rules.
type rule struct {
	Record, Alert, Expr string
	Annotations         map[string]string
}

func shippedRules(t testing.TB) []rule {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(deployed, "prometheus", "rules", "*.yml"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	var all []rule
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var content struct {
			Groups []struct{ Rules []rule }
		}
		if err := yaml.Unmarshal(text, &content); err != nil {
			t.Fatal(err)
		}
		for _, g := range content.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// A dashboard is what we ship for Grafana, as far as we look at it.
type dashboard struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct{ Name, Type string } `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID         int                      `json:"id"`
		Type       string                   `json:"type"`
		Title      string                   `json:"title"`
		GridPos    struct{ X, Y, W, H int } `json:"gridPos"`
		Datasource struct{ UID string }     `json:"datasource"`
		Targets    []struct {
			RefID      string                     `json:"refId"`
			Expr       string                     `json:"expr"`
			Datasource struct{ Type, UID string } `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

func shippedDashboard(t testing.TB) *dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployed, "grafana", "rtmp-edge.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// The dashboard is one that Grafana can import: with panels that have places of their own, and a data source that is chosen.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := shippedDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 {
		t.Errorf("uid %q, title %q, schema %d", d.UID, d.Title, d.SchemaVersion)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	if !slices.Equal(variables, []string{"datasource datasource", "instance query"}) {
		t.Errorf("variables %v", variables)
	}
	ids := map[int]bool{}
	for i, p := range d.Panels {
		g := p.GridPos
		if p.ID == 0 || ids[p.ID] || p.Title == "" || g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("panel %d (%s): id %d, place %+v", i, p.Title, p.ID, g)
		}
		ids[p.ID] = true
		for _, o := range d.Panels[:i] {
			q := o.GridPos
			if g.X < q.X+q.W && q.X < g.X+g.W && g.Y < q.Y+q.H && q.Y < g.Y+g.H {
				t.Errorf("%s lies over %s", p.Title, o.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: %d expressions, data source %q", p.Title, len(p.Targets), p.Datasource.UID)
		}
		for _, q := range p.Targets {
			if q.Expr == "" || q.RefID == "" || q.Datasource.UID != "${datasource}" || q.Datasource.Type != "prometheus" {
				t.Errorf("%s: %+v", p.Title, q)
			}
		}
	}
}

// comparison is the end of an expression that is empty while all is well.
var comparison = regexp.MustCompile(` (==|>|<) [0-9][0-9. *]*$`)

// shippedExpressions returns every expression of the rules and of the dashboard, without the comparisons at their ends.
func shippedExpressions(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, r := range shippedRules(t) {
		all = append(all, r.Expr)
	}
	for _, p := range shippedDashboard(t).Panels {
		for _, q := range p.Targets {
			all = append(all, strings.ReplaceAll(q.Expr, "$instance", ".*"))
		}
	}
	for i := range all {
		all[i] = comparison.ReplaceAllString(all[i], "")
	}
	slices.Sort(all)
	return slices.Compact(all)
}
