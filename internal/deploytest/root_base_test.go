package deploytest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The system in a test root: a small Debian with systemd. What would do something to the machine, or in the background, is off.
const (
	baseSuite = "bookworm"
	baseAge   = 30 * 24 * time.Hour // an older one is made anew
)

var (
	basePackages = []string{"systemd", "systemd-sysv", "dbus"}
	baseMasked   = []string{
		"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
		"sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount", "systemd-sysctl.service",
	}
)

// baseFolder is that system, unpacked: what is below every test root. Nobody writes there.
var baseFolder = sync.OnceValues(func() (string, error) {
	mirrors, err := baseMirrors()
	if err != nil {
		return "", err
	}
	recipe := strings.Join(baseArgs("", mirrors), "\n")
	tarball, unlock, err := cached(fmt.Sprintf("root-%.8x.tar", sha256.Sum256([]byte(recipe))))
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(scratch, "base")
	if info, err := os.Stat(tarball); err == nil && time.Since(info.ModTime()) < baseAge && unpack(tarball, dir) == nil {
		return dir, nil
	}
	err = makeBase(tarball, mirrors) // there was none, or it was old or damaged
	if e := unpack(tarball, dir); e != nil {
		return "", errors.Join(err, e)
	}
	return dir, nil // an old one will do where there is no network
})

// baseMirrors are where this machine takes packages of that Debian from. If it is another system there are none, and Debian's own are taken.
func baseMirrors() ([]string, error) {
	lines, err := exec.Command("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) main", "Created-By: Packages", "Origin: Debian").Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get indextargets: %w", err)
	}
	var mirrors []string
	for line := range strings.Lines(string(lines)) {
		if line = strings.TrimSpace(line); strings.Contains(line, " "+baseSuite) && !slices.Contains(mirrors, line) {
			mirrors = append(mirrors, line)
		}
	}
	return mirrors, nil
}

func makeBase(tarball string, mirrors []string) error {
	fresh := tarball + ".new"
	if err := quietly("mmdebstrap", baseArgs(fresh, mirrors)...); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return os.Rename(fresh, tarball)
}

// baseArgs has mmdebstrap make it, in half a minute.
func baseArgs(tarball string, mirrors []string) []string {
	return append([]string{
		"--variant=minbase", "--format=tar", "--quiet", "--include=" + strings.Join(basePackages, ","),
		`--customize-hook=systemctl --root="$1" --quiet mask ` + strings.Join(baseMasked, " "), baseSuite, tarball,
	}, mirrors...)
}

func unpack(tarball, dir string) error {
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
		return err
	}
	return quietly("tar", "--extract", "--file", tarball, "--directory", dir, "--numeric-owner", "--xattrs", "--xattrs-include=*", "--exclude=./dev/*")
}

// quietly runs a command, whose output is of interest only if it fails.
func quietly(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// cached returns the path of a file in the user's cache, which no other process of these tests uses before unlock.
func cached(name string) (path string, unlock func(), err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(cache, "rtmp-edge", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, err
	}
	unlock = func() { _ = lock.Close() }
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		unlock()
		return "", nil, err
	}
	return path, unlock, nil
}
