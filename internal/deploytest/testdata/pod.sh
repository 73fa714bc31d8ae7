#!/bin/sh
# Runs the program of a container as Kubernetes would, in new namespaces (pid, mount, uts, ipc, network) whose process 1 this is: with a network that has one
# address, a root folder that is read-only, and an empty folder in memory at each of EMPTY. usage: EMPTY="/tmp …" pod.sh ROOT ADDRESS USER GROUP PROGRAM [ARGUMENT…]
set -eu
root=$1 address=$2 user=$3 group=$4
shift 4

ip link set lo up
ip address add "$address/32" dev lo

mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind /dev/null "$root/dev/null"
for folder in $EMPTY; do
	mount -t tmpfs -o mode=0777,nosuid,nodev emptydir "$root$folder"
done
mount -o remount,bind,ro "$root"
unset EMPTY
exec setpriv --no-new-privs chroot --userspec="$user:$group" --groups="$group" "$root" "$@"
