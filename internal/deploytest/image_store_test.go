package deploytest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// containerFiles configure the container tools of these tests, by the variable that names the file: they have a storage, locks and a cache of their own, so
// that nothing of the machine's is touched, and know no registry. DIR is the folder for all of that.
var containerFiles = map[string]string{
	"CONTAINERS_STORAGE_CONF": `[storage]
driver = "vfs"
graphroot = "DIR/graph"
runroot = "DIR/run"
`,
	"CONTAINERS_CONF": `[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "DIR/static"
tmp_dir = "DIR/tmp"
volume_path = "DIR/volumes"
`,
	"CONTAINERS_REGISTRIES_CONF": "unqualified-search-registries = []\n",
}

// goImage is the name in that storage of what the image is built in.
const goImage = "localhost/go"

// makeImages makes the storage, and the image to build in.
var makeImages = sync.OnceValue(func() error {
	dir := filepath.Join(scratch, "containers")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, text := range containerFiles {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			return err
		}
		if err := os.Setenv(name, file); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{"BUILDAH_ISOLATION": "chroot", "DISABLE_HC_SYSTEMD": "true"} { // health checks are run when a test wants one
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return makeGoImage()
})

// makeGoImage makes an image that has this machine's own Go, and its modules: as golang:… it has a shell and the usual tools, but all of that is mounted
// when it is used, not copied.
func makeGoImage() error {
	root := filepath.Join(scratch, "go-image")
	if err := hollowRoot(root, "tmp", "root", "etc/ssl/certs"); err != nil {
		return err
	}
	const certificates = "/etc/ssl/certs/ca-certificates.crt"
	content, err := os.ReadFile(certificates)
	if err != nil {
		return fmt.Errorf("%w: install ca-certificates", err)
	}
	if err := os.WriteFile(filepath.Join(root, certificates), content, 0o600); err != nil {
		return err
	}
	path := filepath.Join(goEnv("GOROOT"), "bin") + ":/usr/bin:/bin"
	script := `c=$(buildah from scratch) && buildah copy -q "$c" "$1" / && buildah config --env GOPROXY=off --env GOMODCACHE=/modules --env GOCACHE=/go-cache --env PATH="$2" "$c" &&
		buildah commit -q --rm "$c" "$3"`
	if out, err := exec.Command("sh", "-c", script, "sh", root, path, goImage).CombinedOutput(); err != nil {
		return fmt.Errorf("buildah: %w\n%s", err, out)
	}
	return nil
}

// hollowRoot makes a root folder with these folders, and with a place to mount /usr on, where the system's programs and libraries are.
func hollowRoot(root string, folders ...string) error {
	for _, dir := range append(folders, "usr") {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink(filepath.Join("usr", dir), filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	return nil
}

// goEnv asks the go command.
func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		panic(err)
	}
	return string(bytes.TrimSpace(out))
}

// images readies the storage for a test.
func images(t *testing.T) {
	t.Helper()
	if err := makeImages(); err != nil {
		t.Fatal(err)
	}
}

// An imageBuild is one way to build deploy/Dockerfile.
type imageBuild struct {
	arch    string
	format  string // docker, or oci, which has no health check
	goCache string // of Go's compiler
}

// warm is a build of the usual format that finds what Go has compiled on this machine before.
func warm(arch string) imageBuild { return imageBuild{arch, "docker", goEnv("GOCACHE")} }

// do builds the image with the version of the tree, and returns its id.
func (b imageBuild) do(t *testing.T) (id string) {
	t.Helper()
	images(t)
	version := versionEnv(t)
	file := filepath.Join(t.TempDir(), "id")
	args := []string{
		"bud", "--pull-never", "--format", b.format, "--platform", "linux/" + b.arch, "--timestamp", version["SOURCE_DATE_EPOCH"], "--iidfile", file,
		"--build-arg", "GO_IMAGE=" + goImage, "--build-arg", "BUILDPLATFORM=linux/" + runtime.GOARCH,
		"-v", "/usr:/usr:ro", "-v", goEnv("GOROOT") + ":" + goEnv("GOROOT") + ":ro", "-v", goEnv("GOMODCACHE") + ":/modules:ro", "-v", b.goCache + ":/go-cache",
	}
	for _, name := range []string{"VERSION", "REVISION", "TIME"} {
		args = append(args, "--build-arg", name+"="+version[name])
	}
	run(t, "", "buildah", append(args, "-f", "deploy/Dockerfile", ".")...)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(content)), "sha256:")
}

// The image for this machine.
var (
	nativeLock sync.Mutex
	nativeID   string // guarded by nativeLock
)

// nativeImage returns the image for this machine, which is built once.
func nativeImage(t *testing.T) (id string) {
	t.Helper()
	nativeLock.Lock()
	defer nativeLock.Unlock()
	if nativeID == "" {
		nativeID = warm(runtime.GOARCH).do(t)
	}
	return nativeID
}

// tidy runs a command after the test, whose own commands are ended by then.
func tidy(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// imageRoot returns a folder with what is in the image, and nothing that running it would add.
func imageRoot(t *testing.T, id string) (dir string) {
	t.Helper()
	container := strings.TrimSpace(run(t, "", "buildah", "from", "--pull-never", id))
	t.Cleanup(func() { tidy(t, "buildah", "rm", container) })
	return strings.TrimSpace(run(t, "", "buildah", "mount", container))
}
