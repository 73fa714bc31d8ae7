#!/bin/sh
# Makes a test root out of BASE, for process 1 of new namespaces (pid, mount, uts, ipc, network), and waits in it. A line on standard input starts systemd.
# All that it mounts is in its own mount namespace, and goes with it. usage: root.sh BASE FOLDER CGROUP
set -eu
base=$1 work=$2 cgroup=$3

mount --make-rprivate /
ip link set lo up
hostname edge

# What is written goes to memory; BASE stays as it is.
mount -t tmpfs -o mode=0755 rtmp-edge-test "$work"
cd "$work"
mkdir cgroup upper work root

# A control group of its own, so that its systemd doesn't take the machine's for its own. cgroup v2 is there on every kernel, also where its controllers
# are v1's: for telling processes apart it needs none.
mount -t cgroup2 cgroup cgroup
for left in cgroup/rtmp-edge-test-*; do # by a test that was killed, whose processes the kernel has killed too
	of=${left#cgroup/rtmp-edge-test-}
	[ -e "/proc/${of%-*}" ] || find "$left" -depth -type d -exec rmdir {} + 2>/dev/null || true
done
mkdir -p "cgroup/$cgroup"
echo 0 >"cgroup/$cgroup/cgroup.procs"
umount cgroup

mount -t overlay -o "lowerdir=$base,upperdir=upper,workdir=work" overlay root
cd root
mkdir -p dev
mount -t tmpfs -o mode=0755,nosuid dev dev
for device in null zero full random urandom tty; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=0755,nosuid,nodev run run

# The kernel's settings are the machine's, but for those of the network.
mount -t proc proc ../cgroup
mount -t proc -o nosuid,nodev,noexec proc proc
mount --bind -o ro proc/sys proc/sys
mount --bind ../cgroup/sys/net proc/sys/net
umount ../cgroup
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs sys

# Nor does it load modules, or set the clock.
export container=rtmp-edge-test PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec unshare --cgroup setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio sh -euc '
	mount -t cgroup2 cgroup sys/fs/cgroup
	mkdir .old
	pivot_root . .old
	exec chroot . sh -euc "
		umount -l /.old
		rmdir /.old
		echo made
		read -r _
		exec env -i container=\$container PATH=\$PATH /lib/systemd/systemd --log-target=journal --show-status=0 --unit=multi-user.target </dev/null"
'
