package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Compose reads the file, and would not read one with a mistake in it. Without a password it says what is missing; there is none by default.
func TestComposeIsValid(t *testing.T) {
	t.Parallel()
	if c := composed(t); len(c.Services) != 3 {
		t.Errorf("%d services", len(c.Services))
	}
	if out, err := compose(t, nil, "-no-interpolation"); err != nil {
		t.Error(err, out)
	}
	if out, err := compose(t, map[string]string{"RTMPEDGE_HTTP_TOKEN": ""}); err == nil || !strings.Contains(out, "GRAFANA_ADMIN_PASSWORD=… into deploy/.env") {
		t.Errorf("without a password of Grafana's: %v %s", err, out)
	}
	file := filepath.Join(t.TempDir(), "compose.yml")
	write(t, file, replaced(t, readRepo(t, composeFile), "read_only: true", "readonly: true"))
	if out, err := composeCheck(t, file, "-no-interpolation"); err == nil || !strings.Contains(out, "readonly") {
		t.Errorf("a key that there is not: %v %s", err, out)
	}
}

// Each service has what it needs and no more, comes back by itself, and says how it is. Only RTMP is open to other machines.
func TestComposeServices(t *testing.T) {
	t.Parallel()
	for name, s := range composed(t).Services {
		t.Run(name, func(t *testing.T) {
			if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
				t.Errorf("read-only %v, capabilities dropped %v, security %v", s.ReadOnly, s.CapDrop, s.SecurityOpt)
			}
			if s.Restart != "unless-stopped" {
				t.Errorf("restart: %q", s.Restart)
			}
			if len(s.Healthcheck.Test) < 2 || s.Healthcheck.Test[0] != "CMD" {
				t.Errorf("health check %v", s.Healthcheck.Test)
			}
			_, tag, _ := strings.Cut(s.Image, ":")
			if s.Build.Context == "" && (tag == "latest" || strings.Count(tag, ".") != 2) {
				t.Errorf("the image %s is not pinned", s.Image)
			}
			for _, port := range s.Ports {
				if port.Target != 1935 && port.HostIP != "127.0.0.1" {
					t.Errorf("port %d is open to %q", port.Target, port.HostIP)
				}
			}
		})
	}
}

// What is mounted is there, is not written to, and what is written to is declared.
func TestComposeMounts(t *testing.T) {
	t.Parallel()
	c := composed(t)
	used := 0
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case "bind":
				if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
					t.Errorf("%s mounts %s: %v, read-only %v", name, v.Source, err, v.ReadOnly)
				}
			case "volume":
				used++
				if _, declared := c.Volumes[v.Source]; !declared {
					t.Errorf("%s mounts the volume %s, which is not declared", name, v.Source)
				}
			default:
				t.Errorf("%s mounts a %s", name, v.Type)
			}
		}
	}
	if used != len(c.Volumes) {
		t.Errorf("%d volumes are declared and %d used", len(c.Volumes), used)
	}
}

// The service of the server is the image: built from the same file, healthy by the same command, and given more time to stop than it takes.
func TestComposeServer(t *testing.T) {
	t.Parallel()
	s := composed(t).Services["rtmp-edge"]
	if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	image := inspectImage(t, nativeImage(t)).Config
	if !slices.Equal(s.Healthcheck.Test, image.Healthcheck.Test) {
		t.Errorf("health check %v, want that of the image, %v", s.Healthcheck.Test, image.Healthcheck.Test)
	}
	for _, port := range s.Ports {
		if _, exposed := image.ExposedPorts[fmt.Sprintf("%d/tcp", port.Target)]; !exposed {
			t.Errorf("port %d is none of the image's", port.Target)
		}
	}
	if !slices.Contains(s.Tmpfs, "/tmp") {
		t.Errorf("the run folder is in /tmp, and that is read-only: %v", s.Tmpfs)
	}
	grace, err := time.ParseDuration(s.GracePeriod)
	if err != nil {
		t.Fatal(err)
	}
	shutdown, err := time.ParseDuration(s.Environment["RTMPEDGE_SHUTDOWN_TIMEOUT"])
	if err != nil || grace < shutdown+5*time.Second {
		t.Errorf("%v to stop, of which the server takes %v: %v", grace, shutdown, err)
	}
	check := exec.CommandContext(t.Context(), binary(t), "check", "-c", filepath.Join(repo, "deploy", "image", "rtmp-edge.yml"))
	check.Env = append(os.Environ(), serverEnvironment(s)...)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("rtmp-edge check: %v\n%s", err, out)
	}
}

// serverEnvironment is that of a service, as lines.
func serverEnvironment(s composeService) []string {
	lines := make([]string, 0, len(s.Environment))
	for name, value := range s.Environment {
		lines = append(lines, name+"="+value)
	}
	return lines
}
