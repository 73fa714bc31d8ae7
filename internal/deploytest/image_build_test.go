package deploytest

import (
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The program is cross-compiled: it is for the platform of the image, and nothing of that runs in the build.
func TestImagePlatforms(t *testing.T) {
	t.Parallel()
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			id := warm(arch).do(t)
			if c := inspectImage(t, id); c.Architecture != arch || c.OS != "linux" {
				t.Errorf("the image says it is for %s/%s", c.OS, c.Architecture)
			}
			program := filepath.Join(imageRoot(t, id), "usr", "bin", "rtmp-edge")
			f, err := elf.Open(program)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			if f.Machine != machine {
				t.Errorf("the program is for %v", f.Machine)
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP {
					t.Error("the program needs a loader, and there is none in the image")
				}
			}
			// It was built elsewhere, in another folder, by another script.
			run(t, "", "cmp", program, filepath.Join(unpacked(t, arch), "rtmp-edge"))
		})
	}
}

// The image is built by the compiler that go.mod names.
func TestImageGo(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(readRepo(t, "deploy/Dockerfile"), "\nARG GO_IMAGE=golang:")
	image, _, _ := strings.Cut(after, "\n")
	_, after, _ = strings.Cut(readRepo(t, "go.mod"), "\ntoolchain go")
	module, _, _ := strings.Cut(after, "\n")
	if version, _, _ := strings.Cut(image, "-"); module == "" || version != module {
		t.Errorf("deploy/Dockerfile has golang:%s, and go.mod go%s", image, module)
	}
}

// A second build, which finds nothing that Go has compiled before, makes the same image. Buildah writes the random name of the container that it builds in
// into an image in Docker's format, so of these it is all else that is the same; the images of OCI's are the same with their ids.
func TestImageIsReproducible(t *testing.T) {
	t.Parallel()
	build := warm(runtime.GOARCH)
	build.format = "oci"
	first := build.do(t)
	build.goCache = t.TempDir()
	if second := build.do(t); first != second {
		t.Errorf("the images are %s and %s", first, second)
		out, err := try(t, "", "diff", "-r", imageRoot(t, first), imageRoot(t, second))
		t.Logf("their files: %v %s", err, out)
	}
	if usual, oci := inspectImage(t, nativeImage(t)), inspectImage(t, first); !slices.Equal(usual.RootFS.Layers, oci.RootFS.Layers) || usual.Created != oci.Created {
		t.Errorf("%+v in Docker's format, %+v in OCI's", usual, oci)
	}
}

// Nothing gets into the build that the program isn't made of: neither what git ignores nor the tests' data.
func TestImageContext(t *testing.T) {
	t.Parallel()
	images(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(file, []byte("FROM scratch\nCOPY . /\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(run(t, "", "buildah", "bud", "-q", "-f", file, "."))
	root := imageRoot(t, id)
	for _, name := range []string{"go.mod", "go.sum", "cmd/rtmp-edge/main.go", "internal/console", "deploy/image/rtmp-edge.yml"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		base := d.Name()
		if strings.HasSuffix(base, "_test.go") || base == "testdata" || base == ".git" || base == ".env" || base == "docs" || base == "bin" {
			t.Errorf("%s is in the build", strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
