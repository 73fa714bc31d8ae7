package deploytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// podAddress is every pod's, each in a network of its own (RFC 5737).
const podAddress = "192.0.2.10"

// A pod is the one container of a pod without Kubernetes: the manifest's program, arguments, environment, user and volumes, with a root folder that
// holds nothing else and is read-only, as process 1.
type pod struct {
	t    *testing.T
	spec *podSpec
	root string
	net  *root // its network is what is used of it

	cmd  *exec.Cmd
	wait func()
	log  bytes.Buffer // to be read after wait
}

// newPod prepares the container of a kustomization: its volumes can be seen in pod.root.
func newPod(t *testing.T, all kubeObjects) *pod {
	t.Helper()
	p := &pod{t: t, spec: &all.workload(t).Spec.Template.Spec, root: t.TempDir()}
	p.copyProgram()
	for _, dir := range []string{"proc", "dev"} {
		p.must(os.Mkdir(filepath.Join(p.root, dir), 0o755))
	}
	p.must(os.WriteFile(filepath.Join(p.root, "dev", "null"), nil, 0o644))
	for _, m := range p.spec.container().Mounts {
		i := slices.IndexFunc(p.spec.Volumes, func(v podVolume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Fatalf("no volume %s, which is mounted", m.Name)
		}
		p.must(os.MkdirAll(filepath.Join(p.root, m.Path), 0o755))
		switch v := p.spec.Volumes[i]; {
		case v.ConfigMap != nil:
			p.project(m.Path, all.configMap(t, v.ConfigMap.Name), 0o644)
		case v.Secret != nil:
			p.project(m.Path, kubeSecrets(t, v.Secret.SecretName), os.FileMode(v.Secret.DefaultMode))
		}
	}
	return p
}

func (p *pod) copyProgram() {
	p.t.Helper()
	program, err := os.ReadFile(binary(p.t))
	p.must(err)
	bin := filepath.Join(p.root, "usr", "bin")
	p.must(os.MkdirAll(bin, 0o755))
	p.must(os.WriteFile(filepath.Join(bin, "rtmp-edge"), program, 0o755))
}

// project fills a volume with files, or changes all of them at once, as the kubelet does: the files are links into a folder that one link names.
func (p *pod) project(mount string, files map[string]string, mode os.FileMode) {
	p.t.Helper()
	volume := filepath.Join(p.root, mount)
	data, err := os.MkdirTemp(volume, "..data-")
	p.must(err)
	p.must(os.Chmod(data, 0o755))
	for name, content := range files {
		file := filepath.Join(data, name)
		p.must(os.WriteFile(file, []byte(content), mode))
		p.must(os.Chown(file, 0, p.spec.SecurityContext.FSGroup))
		if err := os.Symlink("..data/"+name, filepath.Join(volume, name)); !errors.Is(err, os.ErrExist) {
			p.must(err)
		}
	}
	p.must(os.Symlink(filepath.Base(data), data+"-link"))
	p.must(os.Rename(data+"-link", filepath.Join(volume, "..data")))
}

// start starts the server, and waits until the startup probe is content.
func (p *pod) start() {
	p.t.Helper()
	user, c := p.spec.SecurityContext, p.spec.container()
	args := []string{"testdata/pod.sh", p.root, podAddress, strconv.Itoa(user.RunAsUser), strconv.Itoa(user.RunAsGroup), "/usr/bin/rtmp-edge"}
	p.cmd = exec.Command("sh", append(args, c.Args...)...)
	p.cmd.Env = append(p.environment(), "EMPTY="+strings.Join(p.emptyDirs(), " "))
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL, Setsid: true,
	}
	wait, err := startKept(p.cmd)
	p.must(err)
	p.wait = wait
	p.net = &root{t: p.t, pid: p.cmd.Process.Pid}
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // the kernel kills all that is in there with it
		p.wait()
		if p.t.Failed() {
			p.t.Logf("the pod's log:\n%s", &p.log)
		}
	})
	await(p.t, "the container's program", func() bool { return p.program() == "rtmp-edge" })
	await(p.t, "the startup probe", func() bool { return p.does(c.Startup) == nil })
}

// program is the name of the one that process 1 runs: the shell's, before it is the server's.
func (p *pod) program() string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.cmd.Process.Pid))
	return strings.TrimSpace(string(name))
}

// environment is the container's. A container's CPU limit is what `workers: auto` goes by; here there is none, so its number is said.
func (p *pod) environment() []string {
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "RTMPEDGE_WORKERS=" + p.spec.container().Resources.Limits["cpu"]}
	for _, e := range p.spec.container().Env {
		env = append(env, e.Name+"="+e.Value)
	}
	return env
}

func (p *pod) emptyDirs() (paths []string) {
	for _, m := range p.spec.container().Mounts {
		if slices.ContainsFunc(p.spec.Volumes, func(v podVolume) bool { return v.Name == m.Name && v.EmptyDir != nil }) {
			paths = append(paths, m.Path)
		}
	}
	return paths
}

// exec is `kubectl exec`: a command in the container, as its user.
func (p *pod) exec(ctx context.Context, command ...string) *exec.Cmd {
	p.t.Helper()
	user := p.spec.SecurityContext
	enter := []string{
		"--target", strconv.Itoa(p.cmd.Process.Pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
		"--setgid", strconv.Itoa(user.RunAsGroup), "--setuid", strconv.Itoa(user.RunAsUser), "--",
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, command...)...)
	cmd.Env = p.environment()
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// does does what the kubelet does to the container. What an action tells is in its error.
func (p *pod) does(a podAction) error {
	p.t.Helper()
	within := commandTime
	if a.Timeout > 0 {
		within = time.Duration(a.Timeout) * time.Second
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), within)
	defer cancel()
	out, err := p.exec(ctx, a.Exec.Command...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(a.Exec.Command, " "), err, out)
	}
	return nil
}

func (p *pod) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
