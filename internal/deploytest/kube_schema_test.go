package deploytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Where the schemas come from, with the checksums of the modules as go.sum has them.
var (
	kubernetesModule = kubeModule{"k8s.io/kubernetes@v1.34.1", "h1:F3p8dtpv+i8zQoebZeK5zBqM1g9x1aIdnA5vthvcuUk="}
	operatorModule   = kubeModule{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="}
)

// A kubeModule is one whose files are read, though nothing is built of it.
type kubeModule struct{ name, sum string }

// download returns the folder of the module's files.
func (m kubeModule) download() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", m.name)
	cmd.Dir, cmd.Env = os.TempDir(), append(os.Environ(), "GOFLAGS=") // in no module
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil || got.Error != "" {
		return "", fmt.Errorf("download %s: %w %s", m.name, errors.Join(err, jsonErr), got.Error)
	}
	if got.Sum != m.sum {
		return "", fmt.Errorf("download %s: checksum %s, want %s", m.name, got.Sum, m.sum)
	}
	return got.Dir, err
}

// kubeSchemas returns a folder of JSON schemas in kubeconform's layout.
func kubeSchemas(t *testing.T) string {
	t.Helper()
	dir, err := makeKubeSchemas()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var makeKubeSchemas = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "kube-schemas")
	return dir, errors.Join(os.Mkdir(dir, 0o755), builtinSchemas(dir), operatorSchemas(dir))
})

// schema is a JSON schema, or the same in the dialects of OpenAPI.
type schema = map[string]any

// builtinSchemas writes the schemas of Kubernetes' own kinds, out of the OpenAPI document (version 2) that its API server serves.
func builtinSchemas(dir string) error {
	source, err := kubernetesModule.download()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(source + "/api/openapi-spec/swagger.json")
	if err != nil {
		return err
	}
	var document struct{ Definitions definitions }
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	// A number or text, which OpenAPI 2 can't say.
	document.Definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = schema{"type": []string{"integer", "string"}}
	document.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = schema{ // apimachinery's splitREString
		"type": []string{"number", "string"}, "pattern": `^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$`,
	}
	for _, d := range document.Definitions {
		strictSchema(d)
	}
	for name, d := range document.Definitions {
		kinds, _ := d["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // of many: DeleteOptions and such
			continue
		}
		kind := kinds[0].(schema)
		used := schema{}
		document.Definitions.reach(name, used)
		whole := schema{"$ref": "#/definitions/" + name, "definitions": used}
		if err := writeSchema(dir, kind["group"].(string), kind["version"].(string), kind["kind"].(string), whole); err != nil {
			return err
		}
	}
	return nil
}

type definitions map[string]schema

// reach collects a definition and all that it refers to.
func (d definitions) reach(name string, into schema) {
	if _, known := into[name]; known {
		return
	}
	into[name] = d[name]
	for ref := range schemaRefs(d[name]) {
		d.reach(strings.TrimPrefix(ref, "#/definitions/"), into)
	}
}

// schemaRefs returns the references in a schema.
func schemaRefs(node any) map[string]bool {
	found := map[string]bool{}
	switch n := node.(type) {
	case schema:
		for key, v := range n {
			if ref, is := v.(string); is && key == "$ref" {
				found[ref] = true
			}
			maps.Copy(found, schemaRefs(v))
		}
	case []any:
		for _, v := range n {
			maps.Copy(found, schemaRefs(v))
		}
	}
	return found
}

// strictSchema has a schema, and all in it, refuse fields that it doesn't know, as the API server does (field validation "Strict").
func strictSchema(s schema) {
	properties, _ := s["properties"].(schema)
	for _, p := range properties {
		strictSchema(p.(schema))
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, is := s[key].(schema); is {
			strictSchema(inner)
		}
	}
	_, open := s["additionalProperties"]
	if open = open || s["x-kubernetes-preserve-unknown-fields"] == true; properties != nil && !open {
		s["additionalProperties"] = false
	}
}

// operatorSchemas writes the schemas of the kinds of the Prometheus operator, out of its custom resource definitions.
func operatorSchemas(dir string) error {
	source, err := operatorModule.download()
	if err != nil {
		return err
	}
	for _, plural := range []string{"podmonitors", "prometheusrules"} {
		text, err := os.ReadFile(source + "/example/prometheus-operator-crd/monitoring.coreos.com_" + plural + ".yaml")
		if err != nil {
			return err
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPI schema `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return err
		}
		for _, v := range crd.Spec.Versions {
			strictSchema(v.Schema.OpenAPI)
			if err := writeSchema(dir, crd.Spec.Group, v.Name, crd.Spec.Names.Kind, v.Schema.OpenAPI); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeSchema names the file as kubeconform looks for it: the kind, the first label of the group, the version.
func writeSchema(dir, group, version, kind string, s schema) error {
	name := kind
	if first, _, _ := strings.Cut(group, "."); first != "" {
		name += "-" + first
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, strings.ToLower(name+"-"+version)+".json"), text, 0o644)
}
