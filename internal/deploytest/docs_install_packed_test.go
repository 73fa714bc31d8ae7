package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestInstallDocker runs the document's `docker run`, with Podman, in a network of its own: on the ports as they are. What differs is the network, the limit of
// descriptors (not every machine lets a test raise it) and the container's name.
func TestInstallDocker(t *testing.T) {
	t.Parallel()
	commands := readDocument(t, install).commandsIn(t, "Docker", 0)
	if !strings.HasPrefix(commands[0], "docker build -f deploy/Dockerfile -t rtmp-edge ") || !strings.HasPrefix(commands[1], "docker run ") {
		t.Fatalf("%s has other commands: %q", install, commands)
	}
	name := fmt.Sprintf("rtmp-edge-docs-%d", os.Getpid())
	args := strings.Fields(replaced(t, strings.TrimPrefix(commands[1], "docker "),
		"-p 1935:1935 -p 127.0.0.1:8080:8080", "--network host",
		"--ulimit nofile=65536:65536", "--ulimit nofile=4096:4096 --ulimit nproc=4096:4096",
		"--name rtmp-edge", "--name "+name))
	args = append(args[:len(args)-1], nativeImage(t)) // which is what the first command builds

	r := newRoot(t)
	r.net(func() { run(t, "", "podman", args...) })
	t.Cleanup(func() { tidy(t, "podman", "rm", "-f", "-t", "0", name) })
	await(t, "a healthy server", func() bool {
		out, err := try(t, "", "podman", "exec", name, "rtmp-edge", "healthcheck")
		return err == nil && strings.Contains(out, "of")
	})
	r.net(func() { publish(t, "rtmp://127.0.0.1/live/contained") })
	r.net(func() { plays(t, "rtmp://127.0.0.1/live/contained") })
	r.net(func() { plays(t, "http://127.0.0.1:8080/live/contained.flv") })
	for _, option := range []string{"--read-only", "--cap-drop", "no-new-privileges"} {
		if !slices.Contains(args, option) {
			t.Errorf("the document's command lacks %s", option)
		}
	}
	run(t, "", "podman", "stop", "-t", "60", name)
	if out := run(t, "", "podman", "logs", name); !strings.Contains(out, "msg=stopped") {
		t.Errorf("it did not end in order:\n%s", out)
	}
}

// TestInstallDebian installs a package with the document's own commands, but for the first, which makes it; and takes it away.
func TestInstallDebian(t *testing.T) {
	t.Parallel()
	path := packagePath(t, arch(t))
	r, d := newRoot(t), readDocument(t, install)
	r.copyIn(path, "/root/dist/"+filepath.Base(path), 0o644)
	r.boot()
	commands := d.commandsIn(t, "Debian", 0)
	if commands[0] != "make deb" {
		t.Errorf("%s begins with %q", install, commands[0])
	}
	for _, line := range commands[1:] {
		r.run("sh", "-c", "cd /root && "+line)
	}
	r.run("rtmp-edge", "healthcheck", "--all")
	r.net(func() { publish(t, "rtmp://127.0.0.1/live/packaged") })
	r.net(func() { plays(t, "rtmp://127.0.0.1/live/packaged") })
	r.run("apt-get", "purge", "--yes", "rtmp-edge")
	if r.exists("/usr/bin/rtmp-edge") || r.exists("/etc/rtmp-edge/rtmp-edge.yml") {
		t.Error("something is left")
	}
}
