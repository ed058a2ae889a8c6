# Second boot: the device is there; then the package is upgraded, removed, purged.
. /root/facts.sh
fact 'the boot is over in time' 'timeout 300 sh -c "until systemctl -q is-active $unit; do sleep 1; done" || ! journalctl -u $unit'
fact 'after a reboot the device is there' '[ -e $device ]'
fact 'the unit says so' 'journalctl -u $unit | grep -Eq "(started|already there): $uuid"'
fact 'an upgrade keeps the device, the unit and the diversion' \
  'apt install /root/vfioctl-newer.deb >/run/apt 2>&1 || ! cat /run/apt; [ -e $device ] && systemctl -q is-enabled $unit && dpkg-divert --list | grep -q mdevctl.distrib'
systemctl -q disable $unit
fact 'what an admin disabled stays so when it is installed again' \
  'dpkg -i /root/vfioctl-newer.deb >/run/apt 2>&1; ! systemctl -q is-enabled $unit'
fact 'apt removes the package, and the device goes on' 'apt remove vfioctl >/run/apt 2>&1 || ! cat /run/apt; [ -e $device ] && [ ! -e /usr/bin/vfioctl ]'
fact 'mdevctl’s own program is back, and works' '! mdevctl --version | grep -q vfioctl && mdevctl list | grep -q $uuid && [ ! -e /usr/bin/mdevctl.distrib ]'
fact 'apt purges it, and says what stays' 'apt purge vfioctl >/run/apt 2>&1; grep "the definitions in /etc/mdevctl.d stay" /run/apt'
fact 'nothing of it is left but the definitions' \
  '[ -e $definition ] && left=$(find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /root -o -path /var/log -o -path /var/cache \) -prune -o -name "*vfioctl*" ! -path "/etc/vfioctl.d*" -print) && [ -z "$left" ] || ! echo "$left"'
fact 'no diversion, no unit and no state of it is left' '! dpkg-divert --list | grep vfioctl && ! systemctl -q is-enabled $unit 2>/dev/null && ! find /var/lib/systemd/deb-systemd-helper-* -name "*vfioctl*" | grep .'
