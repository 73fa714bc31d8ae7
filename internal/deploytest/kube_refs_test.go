package deploytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestKubeReferences finds what no schema does: names that name nothing, and numbers that don't fit each other.
func TestKubeReferences(t *testing.T) {
	t.Parallel()
	for _, name := range kustomizations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := kubeBuild(t, name)
			w := all.workload(t)
			for _, o := range all {
				if o.Kind != "Namespace" && o.Metadata.Namespace != "rtmp-edge" {
					t.Errorf("%s %s is in the namespace %q", o.Kind, o.Metadata.Name, o.Metadata.Namespace)
				}
			}
			checkSelectors(t, all, w)
			checkPorts(t, all, &w.Spec.Template.Spec)
			checkGrace(t, all, &w.Spec.Template.Spec)
			checkRestricted(t, &w.Spec.Template.Spec)
			checkImage(t, &w.Spec.Template.Spec)
		})
	}
}

// checkSelectors demands that all that selects pods selects these.
func checkSelectors(t *testing.T, all kubeObjects, w *kubeObject) {
	t.Helper()
	labels := maps.Clone(w.Spec.Template.Metadata.Labels)
	for _, o := range all {
		node := o.Spec.Selector
		if o.Kind == "NetworkPolicy" {
			node = o.Spec.PodSelector
		}
		var selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		if o.Kind == "Service" {
			decodeNode(t, &node, &selector.MatchLabels)
		} else if !node.IsZero() {
			decodeNode(t, &node, &selector)
		}
		for key, value := range selector.MatchLabels {
			want := labels[key]
			if key == "statefulset.kubernetes.io/pod-name" { // which its controller gives to each pod
				want = o.Metadata.Name
				if !slices.Contains(podNames(w), want) {
					t.Errorf("Service %s: there is no such pod", want)
				}
			}
			if value != want {
				t.Errorf("%s %s selects %s=%s, pods have %q", o.Kind, o.Metadata.Name, key, value, want)
			}
		}
		if o.Kind != "Namespace" && o.Kind != "ConfigMap" && o.Kind != "PrometheusRule" && len(selector.MatchLabels) == 0 {
			t.Errorf("%s %s selects nothing", o.Kind, o.Metadata.Name)
		}
		if job := o.Spec.JobLabel; job != "" && labels[job] != "rtmp-edge" {
			t.Errorf("%s: the job is called %q, the rules want rtmp-edge", o.Kind, labels[job])
		}
	}
	if w.Kind != "StatefulSet" {
		return
	}
	services := all.ofKind("Service")
	has := func(name string) bool {
		return slices.ContainsFunc(services, func(o kubeObject) bool {
			return o.Metadata.Name == name && (o.Spec.ClusterIP == "None") == (name == w.Spec.ServiceName)
		})
	}
	for _, name := range append(podNames(w), w.Spec.ServiceName) {
		if !has(name) {
			t.Errorf("no Service %s", name)
		}
	}
}

func podNames(w *kubeObject) (names []string) {
	for i := range w.Spec.Replicas {
		names = append(names, w.Metadata.Name+"-"+string(rune('0'+i)))
	}
	return names
}

// checkPorts demands that Services, policies and monitors name ports of the container, and that the policy lets in what Services lead to.
func checkPorts(t *testing.T, all kubeObjects, s *podSpec) {
	t.Helper()
	admitted := map[string]bool{}
	for _, o := range all {
		for _, rule := range o.Spec.Ingress {
			for _, p := range rule.Ports {
				s.container().port(t, p.Port)
				admitted[p.Port] = true
			}
		}
		for _, e := range o.Spec.Endpoints {
			s.container().port(t, e.Port)
		}
	}
	for _, o := range all.ofKind("Service") {
		if len(o.Spec.Ports) == 0 {
			t.Errorf("Service %s has no ports", o.Metadata.Name)
		}
		for _, p := range o.Spec.Ports {
			if got := s.container().port(t, p.TargetPort); got != p.Port {
				t.Errorf("Service %s: port %d leads to %d: clients in the cluster and outside would need two addresses", o.Metadata.Name, p.Port, got)
			}
			if !admitted[p.TargetPort] {
				t.Errorf("Service %s: the NetworkPolicy keeps out what comes to %s", o.Metadata.Name, p.TargetPort)
			}
		}
	}
}

// checkGrace demands that the kubelet leaves time for the drain and then for the end in order.
func checkGrace(t *testing.T, all kubeObjects, s *podSpec) {
	t.Helper()
	var cfg struct {
		Shutdown string `yaml:"shutdown_timeout"`
	}
	if err := yaml.Unmarshal([]byte(all.configMap(t, "rtmp-edge")["rtmp-edge.yml"]), &cfg); err != nil {
		t.Fatal(err)
	}
	shutdown, err := time.ParseDuration(cfg.Shutdown)
	if err != nil {
		t.Fatalf("shutdown_timeout, which the grace period depends on: %v", err)
	}
	const spare = 10 * time.Second // for the commands themselves
	if grace := time.Duration(s.GracePeriod) * time.Second; grace < podDrainTime(t, s)+shutdown+spare {
		t.Errorf("terminationGracePeriodSeconds is %v, the drain %v, shutdown_timeout %v, and %v are to spare", grace, podDrainTime(t, s), shutdown, spare)
	}
}

// checkRestricted demands what the Pod Security Standard "restricted" does, and more that costs nothing.
func checkRestricted(t *testing.T, s *podSpec) {
	t.Helper()
	c := s.container().SecurityContext
	for what, good := range map[string]bool{
		"runAsNonRoot":                 s.SecurityContext.RunAsNonRoot,
		"runAsUser, runAsGroup":        s.SecurityContext.RunAsUser == 65532 && s.SecurityContext.RunAsGroup == 65532,
		"seccompProfile":               s.SecurityContext.Seccomp.Type == "RuntimeDefault",
		"allowPrivilegeEscalation":     c.Escalation != nil && !*c.Escalation,
		"capabilities":                 slices.Equal(c.Capabilities.Drop, []string{"ALL"}) && len(c.Capabilities.Add) == 0,
		"readOnlyRootFilesystem":       c.ReadOnly,
		"automountServiceAccountToken": s.Token != nil && !*s.Token,
		"enableServiceLinks":           s.ServiceLinks != nil && !*s.ServiceLinks,
	} {
		if !good {
			t.Errorf("%s is not as it should be", what)
		}
	}
}

// checkImage demands that the image has what the manifests take for granted.
func checkImage(t *testing.T, s *podSpec) {
	t.Helper()
	text := kubeFile(t, repo+"/deploy/Dockerfile")
	user := fmt.Sprintf("\nUSER %d:%d\n", s.SecurityContext.RunAsUser, s.SecurityContext.RunAsGroup)
	for _, want := range []string{user, "\nENTRYPOINT [\"/usr/bin/rtmp-edge\"]\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("deploy/Dockerfile has no line %q", strings.TrimSpace(want))
		}
	}
}

func decodeNode(t *testing.T, node *yaml.Node, into any) {
	t.Helper()
	if err := node.Decode(into); err != nil {
		t.Fatal(err)
	}
}
