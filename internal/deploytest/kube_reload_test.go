package deploytest

import (
	"net/http"
	"strings"
	"testing"
)

// podReload is what docs/kubernetes.md has the operator do after a change of the ConfigMap.
var podReload = podAction{Exec: struct{ Command []string }{[]string{"/usr/bin/rtmp-edge", "reload"}}}

// TestKubeReload changes the ConfigMap under a running pod. No session ends, and a wrong file changes nothing.
func TestKubeReload(t *testing.T) {
	t.Parallel()
	all := kubeBuild(t, "base")
	p := newPod(t, all)
	p.start()
	publish(t, "rtmp://"+p.forward(p.at("rtmp"))+"/live/talk")
	await(t, "the publisher's bytes to grow", p.grows("rtmpedge_stream_received_bytes_total"))
	file := all.configMap(t, "rtmp-edge")["rtmp-edge.yml"]
	mount := func(content string) {
		p.project("/etc/rtmp-edge", map[string]string{"rtmp-edge.yml": content}, 0o644)
	}
	named := func() int {
		status, _ := p.call(http.MethodGet, p.at("http"), "live.example.com", "/readyz", "")
		return status
	}

	mount(strings.Replace(file, "hosts: [", "hosts: [live.example.com, ", 1))
	if status := named(); status != http.StatusForbidden {
		t.Errorf("by a name that is not configured yet: %d", status)
	}
	if err := p.does(podReload); err != nil {
		t.Fatalf("reload: %v", err)
	}
	if status := named(); status != http.StatusOK {
		t.Errorf("by a name that is configured now: %d", status)
	}

	mount(file + "\nrmtp: {}\n")
	if err := p.does(podReload); err == nil || !strings.Contains(err.Error(), "rmtp") {
		t.Errorf("reload of a wrong file: %v, want an error that names rmtp", err)
	}
	if status := named(); status != http.StatusOK {
		t.Errorf("after a wrong file, by the name that is configured: %d", status)
	}
	p.checkProbes(t, "with a wrong file")
	await(t, "the publisher's bytes to grow", p.grows("rtmpedge_stream_received_bytes_total"))
}
