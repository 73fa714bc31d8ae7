package deploytest

import (
	"os"
	"strings"
	"testing"
)

// rulesManifest is made of the rule files, which have to be inside of an object for the Prometheus operator.
const rulesManifest = kubernetes + "/components/prometheus-operator/prometheusrule.yaml"

// TestKubeRules holds the manifest to the rule files. RTMP_EDGE_UPDATE=1 writes it anew.
func TestKubeRules(t *testing.T) {
	t.Parallel()
	want := prometheusRules(t)
	if os.Getenv("RTMP_EDGE_UPDATE") == "1" {
		if err := os.WriteFile(rulesManifest, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(rulesManifest)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what deploy/prometheus/rules say: RTMP_EDGE_UPDATE=1 go test ./internal/deploytest -run KubeRules", rulesManifest)
	}
}

// prometheusRules makes an object of each rule file, with its text as it is, but indented.
func prometheusRules(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("# Made of deploy/prometheus/rules: RTMP_EDGE_UPDATE=1 go test ./internal/deploytest -run KubeRules\n")
	for i, name := range []string{"recording", "alerts"} {
		text, err := os.ReadFile(repo + "/deploy/prometheus/rules/" + name + ".yml")
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.WriteString("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: rtmp-edge-" + name +
			"\n  labels: {app.kubernetes.io/name: rtmp-edge}\nspec:\n")
		for line := range strings.Lines(string(text)) {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}
