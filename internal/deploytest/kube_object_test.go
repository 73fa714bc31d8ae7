package deploytest

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A kubeObject is what the tests read of a manifest; the schemas have judged the rest.
type kubeObject struct {
	Kind     string
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Data map[string]string
	Spec struct {
		Type        string
		ServiceName string `yaml:"serviceName"`
		ClusterIP   string `yaml:"clusterIP"`
		Replicas    int
		Selector    yaml.Node // a map of labels in a Service, an object elsewhere
		PodSelector yaml.Node `yaml:"podSelector"`
		Ports       []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Ingress  []struct{ Ports []struct{ Port string } }
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     podSpec
		}
		JobLabel  string                  `yaml:"jobLabel"`
		Endpoints []struct{ Port string } `yaml:"podMetricsEndpoints"`
	}
}

type podSpec struct {
	GracePeriod     int   `yaml:"terminationGracePeriodSeconds"`
	HostNetwork     bool  `yaml:"hostNetwork"`
	Token           *bool `yaml:"automountServiceAccountToken"`
	ServiceLinks    *bool `yaml:"enableServiceLinks"`
	SecurityContext struct {
		RunAsNonRoot bool                  `yaml:"runAsNonRoot"`
		RunAsUser    int                   `yaml:"runAsUser"`
		RunAsGroup   int                   `yaml:"runAsGroup"`
		FSGroup      int                   `yaml:"fsGroup"`
		Seccomp      struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []podContainer
	Volumes    []podVolume
}

type podContainer struct {
	Name  string
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Resources       struct{ Requests, Limits map[string]string }
	SecurityContext struct {
		Escalation   *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities struct{ Add, Drop []string }
	} `yaml:"securityContext"`
	Startup   podAction `yaml:"startupProbe"`
	Liveness  podAction `yaml:"livenessProbe"`
	Readiness podAction `yaml:"readinessProbe"`
	Lifecycle struct {
		PreStop podAction `yaml:"preStop"`
	}
	Mounts []struct {
		Name string
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// A podAction is a command that the kubelet runs in the container.
type podAction struct {
	Exec    struct{ Command []string }
	Timeout int `yaml:"timeoutSeconds"`
}

type podVolume struct {
	Name      string
	ConfigMap *struct{ Name string } `yaml:"configMap"`
	Secret    *struct {
		SecretName  string `yaml:"secretName"`
		DefaultMode int    `yaml:"defaultMode"`
	}
	EmptyDir *struct{} `yaml:"emptyDir"`
}

// kubeObjects are those of some manifests.
type kubeObjects []kubeObject

// kubeBuild returns the objects that a kustomization makes.
func kubeBuild(t *testing.T, name string) kubeObjects {
	t.Helper()
	return parseObjects(t, kustomize(t, name))
}

func parseObjects(t *testing.T, manifests string) kubeObjects {
	t.Helper()
	var all kubeObjects
	for d := yaml.NewDecoder(strings.NewReader(manifests)); ; {
		var o kubeObject
		switch err := d.Decode(&o); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// ofKind returns the objects of one kind.
func (m kubeObjects) ofKind(kind string) kubeObjects {
	return slices.DeleteFunc(slices.Clone(m), func(o kubeObject) bool { return o.Kind != kind })
}

// workload is the one object that has pods.
func (m kubeObjects) workload(t *testing.T) *kubeObject {
	t.Helper()
	found := append(m.ofKind("StatefulSet"), m.ofKind("DaemonSet")...)
	if len(found) != 1 || len(found[0].Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%d workloads, or not one container", len(found))
	}
	return &found[0]
}

func (s *podSpec) container() *podContainer { return &s.Containers[0] }

// configMap returns the files of a ConfigMap.
func (m kubeObjects) configMap(t *testing.T, name string) map[string]string {
	t.Helper()
	for _, o := range m.ofKind("ConfigMap") {
		if o.Metadata.Name == name {
			return o.Data
		}
	}
	t.Fatalf("no ConfigMap %s", name)
	return nil
}

// port returns the number of a container's port, by its name.
func (c *podContainer) port(t *testing.T, name string) int {
	t.Helper()
	for _, p := range c.Ports {
		if p.Name == name {
			return p.Port
		}
	}
	t.Fatalf("the container has no port %q", name)
	return 0
}
