package deploytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// These tests build deploy/Dockerfile with Buildah and run it with Podman, for there need not be a Docker engine. With one, the same is
//
//	docker build -f deploy/Dockerfile -t rtmp-edge .
//	docker image inspect rtmp-edge
//	docker run --rm --network host --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges rtmp-edge
//
// and, for what is reproducible, the lines at the head of deploy/Dockerfile. The base image golang:… is from a registry then; here it is made of the Go of
// this machine.

// maxImageSize bounds what is in the image, before it is compressed.
const maxImageSize = 25 << 20

type imageConfig struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Created      string `json:"created"`
	Config       struct {
		User, StopSignal, WorkingDir string
		Env, Entrypoint, Cmd         []string
		ExposedPorts, Volumes        map[string]struct{}
		Labels                       map[string]string
		Healthcheck                  struct {
			Test                           []string
			Interval, Timeout, StartPeriod time.Duration
			Retries                        int
		}
	} `json:"config"`
	RootFS struct {
		Layers []string `json:"diff_ids"`
	} `json:"rootfs"`
}

func inspectImage(t *testing.T, id string) (c imageConfig) {
	t.Helper()
	out := run(t, "", "buildah", "inspect", "--type", "image", "--format", "{{.Config}}", id)
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err, out)
	}
	return c
}

func TestImageConfig(t *testing.T) {
	t.Parallel()
	c := inspectImage(t, nativeImage(t))
	version := versionEnv(t)
	for what, pair := range map[string][2]any{
		"user":        {c.Config.User, "65532:65532"},
		"stop signal": {c.Config.StopSignal, "SIGTERM"},
		"entry point": {c.Config.Entrypoint, []string{"/usr/bin/rtmp-edge"}},
		"command":     {c.Config.Cmd, []string{"run", "-c", "/etc/rtmp-edge/rtmp-edge.yml"}},
		"health":      {c.Config.Healthcheck.Test, []string{"CMD", "/usr/bin/rtmp-edge", "healthcheck"}}, // CMD-SHELL would need a shell
		"ports":       {slices.Sorted(maps.Keys(c.Config.ExposedPorts)), []string{"1935/tcp", "1936/tcp", "8080/tcp"}},
		"volumes":     {len(c.Config.Volumes), 0},
		"layers":      {len(c.RootFS.Layers), 1},
		"run folder":  {slices.Contains(c.Config.Env, "RTMPEDGE_RUN_DIR=/tmp/rtmp-edge"), true},
		"created":     {c.Created, version["TIME"]},
		"licenses":    {c.Config.Labels["org.opencontainers.image.licenses"], "Apache-2.0"},
		"version":     {c.Config.Labels["org.opencontainers.image.version"], version["VERSION"]},
		"revision":    {c.Config.Labels["org.opencontainers.image.revision"], version["REVISION"]},
		"commit time": {c.Config.Labels["org.opencontainers.image.created"], version["TIME"]},
	} {
		if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	for _, name := range []string{"title", "description", "source"} {
		if c.Config.Labels["org.opencontainers.image."+name] == "" {
			t.Errorf("there is no label %s", name)
		}
	}
	if h := c.Config.Healthcheck; h.Retries < 1 || h.Interval <= 0 || h.Timeout <= 3*time.Second || h.StartPeriod <= 0 {
		t.Errorf("%+v: the command itself takes up to 3 s", h)
	}
}

// imageFiles is all that is in the image: no shell, no package manager, no key.
var imageFiles = map[string]fs.FileMode{
	"etc":                               fs.ModeDir | 0o755,
	"etc/rtmp-edge":                     fs.ModeDir | 0o755,
	"etc/rtmp-edge/rtmp-edge.yml":       0o644,
	"etc/ssl":                           fs.ModeDir | 0o755,
	"etc/ssl/certs":                     fs.ModeDir | 0o755,
	"etc/ssl/certs/ca-certificates.crt": 0o644,
	"tmp":                               fs.ModeDir | fs.ModeSticky | 0o777,
	"usr":                               fs.ModeDir | 0o755,
	"usr/bin":                           fs.ModeDir | 0o755,
	"usr/bin/rtmp-edge":                 0o755,
	"usr/share":                         fs.ModeDir | 0o755,
	"usr/share/doc":                     fs.ModeDir | 0o755,
	"usr/share/doc/rtmp-edge":           fs.ModeDir | 0o755,

	"usr/share/doc/rtmp-edge/LICENSE":             0o644,
	"usr/share/doc/rtmp-edge/THIRD-PARTY-NOTICES": 0o644,
}

func TestImageFiles(t *testing.T) {
	t.Parallel()
	root := imageRoot(t, nativeImage(t))
	missing, size := maps.Clone(imageFiles), int64(0)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if mode, wanted := imageFiles[name]; !wanted || info.Mode() != mode {
			t.Errorf("%s %v is in the image, want %v", info.Mode(), name, mode)
		}
		if info.Mode().IsRegular() {
			size += info.Size()
		}
		delete(missing, name)
		return nil
	})
	if err != nil || len(missing) > 0 {
		t.Errorf("%v; missing: %v", err, missing)
	}
	if size > maxImageSize {
		t.Errorf("%d bytes, want at most %d", size, maxImageSize)
	}
	t.Logf("%d bytes", size)
	shipped, err := os.ReadFile(filepath.Join(repo, "deploy", "image", "rtmp-edge.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "etc", "rtmp-edge", "rtmp-edge.yml")); err != nil || !bytes.Equal(got, shipped) {
		t.Errorf("its configuration is not deploy/image/rtmp-edge.yml: %v\n%s", err, got)
	}
}
