package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const kubeDocument = "docs/kubernetes.md"

// kubeCommands are those that the documentation has the operator type.
func kubeCommands(t *testing.T) (all []string) {
	t.Helper()
	for _, b := range readDocument(t, kubeDocument).in("console") {
		all = append(all, b.commands()...)
	}
	return all
}

// TestKubeDocumentCommands runs what the documentation has the operator run in a pod; what it applies is there.
func TestKubeDocumentCommands(t *testing.T) {
	t.Parallel()
	p := runPod(t, "overlays/two-pods")
	ran, applied := 0, 0
	for _, command := range kubeCommands(t) {
		if _, inside, found := strings.Cut(command, " exec rtmp-edge-0 -- "); found {
			if err := p.does(podAction{Exec: struct{ Command []string }{strings.Fields(inside)}}); err != nil {
				t.Error(err)
			}
			ran++
		}
		if _, dir, found := strings.Cut(command, "kubectl apply -k deploy/kubernetes/"); found {
			if !slices.Contains(kustomizations, dir) {
				t.Errorf("no kustomization %s", dir)
			}
			applied++
		}
	}
	if ran < 2 || applied < 3 {
		t.Errorf("%d commands in pods and %d kustomizations to apply were found", ran, applied)
	}
}

// TestKubeDocumentManifests tries what the documentation has the operator write: manifests, and additions to a kustomization.
func TestKubeDocumentManifests(t *testing.T) {
	t.Parallel()
	for _, b := range readDocument(t, kubeDocument).in("yaml") {
		t.Run(fmt.Sprintf("%s:%d", kubeDocument, b.line), func(t *testing.T) {
			t.Parallel()
			made := b.text
			if !strings.HasPrefix(made, "apiVersion:") {
				made = kustomize(t, kubeOverlay(t, b.text))
				if made == kustomize(t, "base") {
					t.Error("it changes nothing")
				}
				all := parseObjects(t, made)
				checkGrace(t, all, &all.workload(t).Spec.Template.Spec)
			}
			if out, err := conform(t, made); err != nil {
				t.Errorf("kubeconform: %v\n%s", err, out)
			}
		})
	}
}

// kubeOverlay makes a kustomization of the base with an addition.
func kubeOverlay(t *testing.T, addition string) (dir string) {
	t.Helper()
	from, err := filepath.Abs(kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	overlay := t.TempDir()
	base, err := filepath.Rel(overlay, filepath.Join(from, "base"))
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [" + base + "]\n" + addition
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.Rel(from, overlay); err != nil {
		t.Fatal(err)
	}
	return dir
}
