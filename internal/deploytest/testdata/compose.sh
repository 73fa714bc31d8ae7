#!/bin/sh
# Runs two services of deploy/compose.yml in new namespaces (pid, mount, network) whose process 1 this is: the server, and Prometheus in a root folder that
# has its own /etc, and of this machine only /usr. usage: MOUNTS="SOURCE:TARGET …" compose.sh ROOT SERVER CONFIG PROMETHEUS-ARGUMENT…
set -eu
root=$1 server=$2 config=$3
shift 3

ip link set lo up
mount --make-rprivate /
mount --bind /usr "$root/usr"
mount --bind /dev/null "$root/dev/null"
mount -t proc proc "$root/proc"
for pair in $MOUNTS; do
	mount --bind -o ro "${pair%%:*}" "$root${pair#*:}"
done
unset MOUNTS

"$server" run -c "$config" &
chroot "$root" /usr/bin/promtool check config /etc/prometheus/prometheus.yml
exec chroot "$root" /usr/bin/prometheus "$@"
