# The same for a system with dracut, which wants the programs of a package that is not here.
for name in poweroff reboot halt; do ln -s systemctl /usr/bin/$name; done
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
add_dracutmodules+=" events "
drivers+=" nvme ext4 "
CONF
dracut --force /boot/initrd.img-$(ls /lib/modules) $(ls /lib/modules)
