# A boot with libvirt and QEMU of the system's own: what they call mdevctl is the package's drop-in.
. /root/facts.sh
name=mdev_$(echo $uuid | tr - _)_mtty
mkdir -p /var/log/apt /run/drivers

# until it holds, for a minute: libvirt hears later of what changed
soon() {
  for second in $(seq 60); do
    eval "$1" && return 0
    sleep 1
  done
  return 1
}
node() {
  virsh -q -c nodedev:///system "$@"
}
qemu() {
  timeout 300 qemu-system-x86_64 -M q35 -accel tcg -m 64 -S -nodefaults -display none -monitor stdio \
    -device vfio-pci,sysfsdev=$device
}

fact 'apt installs the package beside libvirt and QEMU' 'apt install /root/vfioctl.deb >/run/apt 2>&1 || ! cat /run/apt'
# nothing but its node devices
ln -s /usr/lib/*/libvirt/connection-driver/libvirt_driver_nodedev.so /run/drivers/
LIBVIRT_DRIVER_DIR=/run/drivers libvirtd -d
fact 'libvirt sees what mtty offers' 'soon "node nodedev-dumpxml mtty_mtty 2>/run/virsh | grep -q mtty-2" || ! cat /run/virsh'
cat >/run/device.xml <<XML
<device>
  <parent>mtty_mtty</parent>
  <capability type='mdev'><type id='mtty-2'/><uuid>$uuid</uuid></capability>
</device>
XML
fact 'libvirt defines a device' 'node nodedev-define /run/device.xml && [ -e $definition ] && [ ! -e $device ]'
fact 'libvirt starts it, and at boot' \
  'node nodedev-start $name && [ -e $device ] && node nodedev-autostart $name && grep -q auto $definition'
fact 'QEMU opens it' 'printf "info pci\nquit\n" | qemu 2>&1 | grep -q "PCI device 4348:3253"'
sleep 300 | qemu >/run/qemu 2>&1 &
fact 'while QEMU has it, vfioctl tells who' 'soon "vfioctl list $uuid --json | grep -q qemu-system" || ! cat /run/qemu'
fact 'and does not stop it' '! vfioctl stop $uuid 2>/run/stop && grep -q qemu-system /run/stop || ! cat /run/stop'
fact 'libvirt looks by itself, and does not try' \
  '! node nodedev-destroy $name 2>/run/virsh && grep -q "device in use" /run/virsh && [ -e $device ] || ! cat /run/virsh'
pkill -f sysfsdev
fact 'libvirt destroys and undefines it' \
  'soon "node nodedev-destroy $name" && [ ! -e $device ] && node nodedev-undefine $name && [ ! -e $definition ]'
