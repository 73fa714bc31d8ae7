package deploytest

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// podDrainTime is how long the preStop command drains at most.
func podDrainTime(t *testing.T, s *podSpec) time.Duration {
	t.Helper()
	for _, arg := range s.container().Lifecycle.PreStop.Exec.Command {
		if text, found := strings.CutPrefix(arg, "--timeout="); found {
			d, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatal("the preStop command has no --timeout")
	return 0
}

// runPod starts the pod of a kustomization.
func runPod(t *testing.T, name string) *pod {
	t.Helper()
	p := newPod(t, kubeBuild(t, name))
	p.start()
	return p
}

// TestKubePods runs what each kustomization has pods run: the server is as the manifests say.
func TestKubePods(t *testing.T) {
	t.Parallel()
	for _, name := range kustomizations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := runPod(t, name)
			c := p.spec.container()
			p.checkProbes(t, "")
			for _, port := range c.Ports {
				conn, err := p.net.dial(t.Context(), "tcp", p.at(port.Name))
				if err != nil {
					t.Errorf("port %s: %v", port.Name, err)
					continue
				}
				conn.Close()
			}
			if out, err := p.exec(t.Context(), "/usr/bin/rtmp-edge", "check", "-c", "/etc/rtmp-edge/rtmp-edge.yml").CombinedOutput(); err != nil {
				t.Errorf("rtmp-edge check: %v\n%s", err, out)
			}
			checkPrivileges(t, p)
			status, body := p.call(http.MethodGet, p.at("metrics"), podAddress, "/metrics", "")
			if status != http.StatusOK || !strings.Contains(body, `rtmpedge_worker_up{worker="1"} 1`) {
				t.Errorf("metrics: %d, want those of both workers\n%.500s", status, body)
			}
			status, _ = p.call(http.MethodGet, p.at("http"), podAddress, "/api/v1/workers", "")
			if status != http.StatusForbidden && status != http.StatusUnauthorized {
				t.Errorf("control from outside: %d", status)
			}
			if status, body := p.call(http.MethodGet, "127.0.0.1:8080", "localhost:39999", "/api/v1/workers", ""); status != http.StatusOK {
				t.Errorf("control by kubectl port-forward: %d %s", status, body)
			}
		})
	}
}

// checkProbes demands that all is well.
func (p *pod) checkProbes(t *testing.T, when string) {
	t.Helper()
	c := p.spec.container()
	for probe, a := range map[string]podAction{"liveness": c.Liveness, "readiness": c.Readiness} {
		if err := p.does(a); err != nil {
			t.Errorf("%s %s: %v", probe, when, err)
		}
	}
}

// checkPrivileges looks at the processes themselves.
func checkPrivileges(t *testing.T, p *pod) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Uid:\t65532\t65532\t65532\t65532\n", "Gid:\t65532\t65532\t65532\t65532\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the server's process has not %q:\n%s", want, text)
		}
	}
}

// TestKubeNames asks by the names that lead to the pod within the cluster.
func TestKubeNames(t *testing.T) {
	t.Parallel()
	all := kubeBuild(t, "base")
	p := newPod(t, all)
	p.start()
	for _, o := range all.ofKind("Service") {
		if o.Spec.ClusterIP == "None" {
			continue
		}
		for _, domain := range []string{"", ".rtmp-edge", ".rtmp-edge.svc", ".rtmp-edge.svc.cluster.local"} {
			if status, body := p.call(http.MethodGet, p.at("http"), o.Metadata.Name+domain+":8080", "/readyz", ""); status != http.StatusOK {
				t.Errorf("by the name %s: %d %s", o.Metadata.Name+domain, status, body)
			}
		}
	}
	if status, _ := p.call(http.MethodGet, p.at("http"), "example.org:8080", "/readyz", ""); status != http.StatusForbidden {
		t.Errorf("by a name of somebody else's: %d", status)
	}
}

// TestKubePlays publishes and plays through the pod's ports.
func TestKubePlays(t *testing.T) {
	t.Parallel()
	p := runPod(t, "base")
	rtmp, http := p.forward(p.at("rtmp")), p.forward(p.at("http"))
	publish(t, "rtmp://"+rtmp+"/live/talk")
	plays(t, "rtmp://"+rtmp+"/live/talk")
	plays(t, "http://"+http+"/live/talk.flv")
}

// TestKubeHang stops one worker: probes must not kill the pod for it. When all hang, liveness says so.
func TestKubeHang(t *testing.T) {
	t.Parallel()
	p := runPod(t, "base")
	workers := p.workers()
	if len(workers) < 2 {
		t.Fatalf("%d workers", len(workers))
	}
	c := p.spec.container()
	p.signal(workers[0], syscall.SIGSTOP)
	for range 5 {
		p.checkProbes(t, "with a worker that hangs")
	}
	for _, w := range workers {
		p.signal(w, syscall.SIGSTOP)
	}
	if p.does(c.Liveness) == nil || p.does(c.Readiness) == nil {
		t.Error("the probes find nothing wrong, though all workers hang")
	}
	for _, w := range workers {
		p.signal(w, syscall.SIGCONT)
	}
	await(t, "liveness, when workers go on", func() bool { return p.does(c.Liveness) == nil })
}

// TestKubeDrainOfOne drains one worker: the pod still takes connections, and so is ready.
func TestKubeDrainOfOne(t *testing.T) {
	t.Parallel()
	p := runPod(t, "base")
	if status, body := p.call(http.MethodPut, "127.0.0.1:8080", "localhost", "/api/v1/workers/0/drain", ""); status != http.StatusOK {
		t.Fatalf("drain a worker: %d %s", status, body)
	}
	for range 5 {
		p.checkProbes(t, "with a worker that drains")
		conn, err := p.net.dial(t.Context(), "tcp", p.at("rtmp"))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
}
