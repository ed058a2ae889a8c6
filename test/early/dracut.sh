# The same for a system with dracut.
module=/usr/lib/dracut/modules.d/99events
mkdir $module
cat >$module/module-setup.sh <<'MODULE'
#!/bin/bash
check() { return 0; }
installkernel() { instmods e1000e; }
install() { inst_hook pre-udev 01 "$moddir/events.sh"; }
MODULE
echo 'udevadm monitor --kernel --property >/dev/uevents & sleep 1' >$module/events.sh
cat >/etc/dracut.conf.d/10-small.conf <<'CONF'
hostonly=no
compress="zstd -1"
dracutmodules+=" base udev-rules kernel-modules systemd systemd-initrd systemd-udevd rootfs-block fs-lib dracut-systemd events "
drivers+=" nvme ext4 "
CONF
dracut --force /boot/initrd.img-$(ls /lib/modules) $(ls /lib/modules)
