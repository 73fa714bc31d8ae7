package deploytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	kubernetes = repo + "/deploy/kubernetes"

	kustomizeTool   = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"
	kubeconformTool = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
)

// kustomizations are what somebody may apply.
var kustomizations = []string{"base", "overlays/two-pods", "overlays/host-network"}

// kustomize returns the manifests that a kustomization makes.
func kustomize(t *testing.T, name string) string {
	t.Helper()
	out := run(t, kubernetes, goTool(t, kustomizeTool), "build", name)
	if strings.Contains(out, "Warning") {
		t.Errorf("kustomize build %s warns:\n%s", name, out)
	}
	return out
}

// conform checks manifests strictly against the API's own schemas.
func conform(t *testing.T, manifests string) (out string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifests.yaml")
	if err := os.WriteFile(file, []byte(manifests), 0o644); err != nil {
		t.Fatal(err)
	}
	schemas := filepath.Join(kubeSchemas(t), "{{.ResourceKind}}{{.KindSuffix}}.json")
	return try(t, "", goTool(t, kubeconformTool), "-strict", "-summary", "-schema-location", schemas, file)
}

func TestKubeConform(t *testing.T) {
	t.Parallel()
	for _, name := range kustomizations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, err := conform(t, kustomize(t, name)); err != nil || !strings.Contains(out, "Invalid: 0, Errors: 0, Skipped: 0") {
				t.Errorf("kubeconform: %v\n%s", err, out)
			}
		})
	}
}

// mistakes are changes that make good manifests bad, and where kubeconform should see it.
var mistakes = []struct{ name, from, to, want string }{
	{"a misspelt field", "livenessProbe:", "livenessProb:", "livenessProb"},
	{"a misspelt field of the metadata", "metadata:\n  labels:", "metadata:\n  label:", "label"},
	{"text for a number", "replicas: 2", "replicas: two", "/spec/replicas"},
	{"a number for text", "image: registry.example.com/rtmp-edge:0.1.0", "image: 1", "/image"},
	{"a number for text of an environment", "value: /tmp/rtmp-edge", "value: 1", "/value"},
	{"a list for an object", "capabilities:\n            drop:\n            - ALL", "capabilities:\n          - ALL", "/capabilities"},
	{"what is no quantity", "memory: 1Gi", "memory: 1GB", "/memory"},
	{"a required field left out", "        topologyKey: kubernetes.io/hostname\n", "", "missing property 'topologyKey'"},
	{"a port that is neither name nor number", "targetPort: rtmp\n", "targetPort: [rtmp]\n", "/targetPort"},
	{"an unknown version", "apiVersion: policy/v1", "apiVersion: policy/v9", "could not find schema"},
	{"an unknown kind", "kind: PodMonitor", "kind: PodMonitors", "could not find schema"},
	{"a misspelt field of the operator's", "podMetricsEndpoints:", "podMetricEndpoints:", "podMetricEndpoints"},
	{"a wrong type of the operator's", "scrapeTimeout: 5s", "scrapeTimeout: 5", "/scrapeTimeout"},
	{"a misspelt field of a rule", "annotations:", "annotation:", "annotation"},
	{"a misspelt field of a policy", "namespaceSelector:", "nameSpaceSelector:", "nameSpaceSelector"},
	{"a field given twice", "serviceName: rtmp-edge\n", "serviceName: rtmp-edge\n  serviceName: rtmp-edge\n", "serviceName"},
}

// TestKubeConformRefuses shows that TestKubeConform can fail.
func TestKubeConformRefuses(t *testing.T) {
	t.Parallel()
	good := kustomize(t, "overlays/two-pods")
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			bad := strings.Replace(good, m.from, m.to, 1)
			if bad == good {
				t.Fatalf("the manifests have no %q", m.from)
			}
			out, err := conform(t, bad)
			if err == nil || !strings.Contains(out, m.want) {
				t.Errorf("kubeconform of %q for %q: %v, want an error that names %q\n%s", m.to, m.from, err, m.want, out)
			}
		})
	}
}
