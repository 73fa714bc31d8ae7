package deploytest

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// bom is what is asked of a bill of materials here.
type bom struct {
	Metadata struct {
		Timestamp string
		Component bomComponent
	}
	Components []bomComponent
}

type bomComponent struct {
	Name, Version, PURL string
	Hashes              []bomHash
	Licenses            []struct {
		License    struct{ ID string }
		Expression string
	}
}

type bomHash struct{ Alg, Content string }

// bomSchema is CycloneDX 1.6's own, which comes with its Go module.
func bomSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir := strings.TrimSpace(run(t, "", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const url = "http://cyclonedx.org/schema/"
	for name, file := range map[string]string{
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		f, err := os.Open(filepath.Join(dir, "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(url+name, document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile(url + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// A bill of materials is one by the schema of its standard, tells the hash of the program, and lists exactly what is linked into it, with licences.
// The notices in the archive have all of that, too.
func TestReleaseBOM(t *testing.T) {
	t.Parallel()
	schema := bomSchema(t)
	for _, arch := range architectures {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			dir, version := release(t)
			content, err := os.ReadFile(filepath.Join(dir, "rtmp-edge_"+version+"_linux_"+arch+".cdx.json"))
			if err != nil {
				t.Fatal(err)
			}
			var document map[string]any
			var bill bom
			if err := json.Unmarshal(content, &document); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(content, &bill); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(document); err != nil {
				t.Errorf("it is not what the schema wants: %v", err)
			}
			if document["bomFormat"] = "other"; schema.Validate(document) == nil {
				t.Error("the schema finds everything good")
			}

			archive := unpacked(t, arch)
			main := bill.Metadata.Component
			want := []bomHash{{"SHA-256", digest(t, filepath.Join(archive, "rtmp-edge"))}}
			if !slices.Equal(main.Hashes, want) {
				t.Errorf("the program's hashes are %v, want %v", main.Hashes, want)
			}
			if env := versionEnv(t); main.Version != env["VERSION"] || bill.Metadata.Timestamp != env["TIME"] {
				t.Errorf("it is of %s at %s, want %s at %s", main.Version, bill.Metadata.Timestamp, env["VERSION"], env["TIME"])
			}
			components(t, archive, bill)
		})
	}
}

// components compares what the bill has with what `go version -m` tells of the program, and with the notices.
func components(t *testing.T, archive string, bill bom) {
	t.Helper()
	info, err := buildinfo.ReadFile(filepath.Join(archive, "rtmp-edge"))
	if err != nil {
		t.Fatal(err)
	}
	notices, err := os.ReadFile(filepath.Join(archive, "THIRD-PARTY-NOTICES"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, dep := range info.Deps {
		want = append(want, "pkg:golang/"+dep.Path+"@"+dep.Version)
		name := "\n" + dep.Path + " " + dep.Version + ": "
		if !strings.Contains(string(notices), name+"LICEN") && !strings.Contains(string(notices), name+"COPYING") {
			t.Errorf("the notices have no licence of %s %s", dep.Path, dep.Version)
		}
	}
	got := make([]string, 0, len(bill.Components))
	for _, c := range bill.Components {
		got = append(got, c.PURL)
		if len(c.Licenses) != 1 || c.Licenses[0].License.ID+c.Licenses[0].Expression == "" {
			t.Errorf("%s has no licence", c.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("it lists\n%s\nand the program is made of\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
