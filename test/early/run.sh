# The work of one boot, which the kernel's command line names: facts, one line for each, then the machine is off.
cd "${0%/*}" || exit
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
early=0000:02:00.0
twin=0000:01:00.0
serial=0000:00:06.0
disk=0000:00:03.0
image=/boot/initrd.img-$(uname -r)
rule=/etc/udev/rules.d/05-vfioctl-early.rules

fact() {
  if eval "$2"; then echo "passed: $1"; else echo "failed: $1: $2"; fi
}
driver() {
  basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}
# Drivers that have had a device since power-on, by the log of the kernel, and by its events from before udev on.
by_log() {
  dmesg | sed -n "s/.* $1: driver: '\([^']*\)': driver_bound: .*/\1/p" | tr '\n' ' '
}
by_events() {
  awk -v RS= "/ACTION=bind/ && /PCI_SLOT_NAME=$1/" /dev/uevents | sed -n 's/^DRIVER=//p' | tr '\n' ' '
}
seen() {
  [ "$(by_log "$1")" = "$2 " ] && [ "$(by_events "$1")" = "$2 " ] ||
    ! echo "of $1: by the log '$(by_log "$1")', by events '$(by_events "$1")'"
}
says() {
  "$@" >/run/said 2>&1
  status=$?
  [ ! -s /run/said ] || sed 's/^/  /' /run/said
  return $status
}
in_image() {
  "$(command -v lsinitramfs || command -v lsinitrd)" "$image" >/run/image && grep -q "$1" /run/image
}

udevadm settle
name=$(sed -n 's/.*early\.test=\([a-z-]*\).*/\1/p' /proc/cmdline)
. "./$name.sh"
fact 'no unit of the boot has failed' '! systemctl --failed --no-legend | grep .'
sync
echo over
systemctl poweroff -ff
