package deploytest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The two configurations for Prometheus that we ship differ in where the server is, and in nothing else.
func TestComposePrometheusAsShipped(t *testing.T) {
	t.Parallel()
	var files [2]map[string]any
	for i, name := range []string{"deploy/prometheus/prometheus.yml", "deploy/compose/prometheus/prometheus.yml"} {
		text := strings.NewReplacer("127.0.0.1:8080", "SERVER", "rtmp-edge:8080", "SERVER").Replace(readRepo(t, name))
		if err := yaml.Unmarshal([]byte(text), &files[i]); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := json.Marshal(files[0])
	b, _ := json.Marshal(files[1])
	if !bytes.Equal(a, b) {
		t.Errorf("%s\n%s", a, b)
	}
}

// Grafana finds its data source by the name of the service, and the dashboard where it is mounted.
func TestComposeGrafana(t *testing.T) {
	t.Parallel()
	c := composed(t)
	mounted := map[string]string{}
	for _, v := range c.Services["grafana"].Volumes {
		mounted[v.Target] = v.Source
	}
	const provisioning = "deploy/compose/grafana/provisioning"
	if at, err := filepath.Abs(filepath.Join(repo, provisioning)); err != nil || mounted["/etc/grafana/provisioning"] != at {
		t.Errorf("the folder of Grafana's own provisioning is %s, want %s: %v", mounted["/etc/grafana/provisioning"], at, err)
	}

	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Type, Access, URL string
			IsDefault         bool `yaml:"isDefault"`
		}
	}
	readYAML(t, provisioning+"/datasources/prometheus.yml", &sources)
	if len(sources.Datasources) != 1 {
		t.Fatalf("%+v", sources)
	}
	source := sources.Datasources[0]
	at, err := url.Parse(source.URL)
	if err != nil {
		t.Fatal(err)
	}
	service, found := c.Services[at.Hostname()]
	if !found || service.Ports[0].Target != 9090 || at.Port() != "9090" || source.Type != "prometheus" || source.Access != "proxy" || !source.IsDefault || sources.APIVersion != 1 {
		t.Errorf("%+v is not Prometheus", source)
	}

	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	readYAML(t, provisioning+"/dashboards/rtmp-edge.yml", &dashboards)
	if len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" || dashboards.APIVersion != 1 {
		t.Fatalf("%+v", dashboards)
	}
	content, err := os.ReadFile(filepath.Join(mounted[dashboards.Providers[0].Options.Path], "rtmp-edge.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		UID        string
		Templating struct {
			List []struct{ Name, Type, Query any }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	if first := dashboard.Templating.List[0]; dashboard.UID != "rtmp-edge" || first.Type != "datasource" || first.Query != source.Type {
		t.Errorf("the dashboard %s takes %+v: none of the data source, or at another place than compose.yml says", dashboard.UID, first)
	}
}
