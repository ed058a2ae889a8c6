#!/bin/busybox sh
# First process of the guest: the host's root, read-only, under a scratch layer, then guest.sh in it.
# A failure ends this process, so the kernel panics, QEMU exits, and the host shows the console.
set -e
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do insmod "/modules/$module"; done </modules/order

nine=trans=virtio,version=9p2000.L,msize=512000
for share in host packages overlay; do mount -t 9p -o "ro,cache=loose,$nine" $share /$share; done
mount -t tmpfs scratch /scratch
mkdir /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/overlay:/packages:/host,upperdir=/scratch/upper,workdir=/scratch/work root /root

# devtmpfs makes none of these; libvirt runs mdevctl with /dev/stdin.
ln -s /proc/self/fd /dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%%:*}" "/dev/${n#*:}"; done
mkdir /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
ifconfig lo 127.0.0.1 up

for tree in dev proc sys; do mkdir -p "/root/$tree"; mount --move "/$tree" "/root/$tree"; done
mkdir -p /root/run /root/tmp
chmod 1777 /root/tmp
mount -t tmpfs run /root/run
mkdir /root/run/vm
mount -t 9p -o "rw,$nine" run /root/run/vm
exec switch_root /root /bin/sh /run/vm/guest.sh
