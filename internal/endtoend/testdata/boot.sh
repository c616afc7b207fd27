#!/bin/bash
# Boots systemd as PID 1 over a copy-on-write view of this machine's files, in namespaces of its own: nothing that is installed or
# changed inside reaches the machine. Runs under `unshare --mount --pid --fork --uts --ipc --net`; $1 is an empty folder for the view.
set -eu
view=$1
mount -t tmpfs -o mode=755 view "$view"
mkdir "$view"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$view/upper,workdir=$view/work" "$view/root"
cd "$view/root"

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs cgroup sys/fs/cgroup
if grep -q '^[^ ]* /sys/fs/cgroup cgroup2' /proc/self/mounts; then
	mount -t cgroup2 cgroup2 sys/fs/cgroup
else
	mkdir sys/fs/cgroup/{systemd,unified}
	mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
	mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
fi
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 dev dev
for device in null zero full random urandom tty; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

: >etc/machine-id
pivot_root . mnt
umount --lazy /mnt
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target --show-status=0
