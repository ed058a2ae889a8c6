# First boot: the package comes to a system without Node, npm and network; a device is defined to start by itself.
. /root/facts.sh
touch /run/began
mkdir -p /var/log/apt
fact 'the system has no Node' '! command -v node'
fact 'apt installs the package' 'apt install /root/vfioctl.deb >/run/apt 2>&1 || ! cat /run/apt'
fact 'mdevctl’s own program gave way' '[ "$(readlink -f /usr/bin/mdevctl)" = /usr/bin/vfioctl ] && [ -e /usr/bin/mdevctl.distrib ]'
fact 'mdevctl is vfioctl by that name' 'mdevctl --version | grep -q "(vfioctl "'
fact 'the unit is enabled, and nothing was started' 'systemctl -q is-enabled $unit && ! systemctl -q is-active $unit'
fact 'systemd finds no fault in the units' 'systemd-analyze verify $unit vfioctl-restore@mtty.path'
fact 'bash, zsh and fish find completions' '[ $(ls /usr/share/bash-completion/completions/vfioctl /usr/share/zsh/vendor-completions/_vfioctl /usr/share/fish/vendor_completions.d/vfioctl.fish | wc -l) = 3 ]'
fact 'the package’s files are as they were packed' 'dpkg --verify vfioctl'
fact 'the real mtty is a parent' 'vfioctl types -p mtty | grep -q mtty-1'
fact 'a device is defined, with the addon' 'vfioctl define -u $uuid -p mtty -t mtty-1 --auto && [ -e $definition ]'
fact 'boot install leaves it to the package' 'vfioctl boot install 2>&1 | grep -q "already installed" && [ ! -e /etc/systemd/system/$unit ]'
fact 'the device starts and stops' 'vfioctl start $uuid && [ -e $device ] && vfioctl stop $uuid && [ ! -e $device ]'
fact 'udev has it started when its parent comes anew' 'modprobe -r mtty && modprobe mtty && timeout 120 sh -c "until [ -e $device ]; do sleep 1; done"'
fact 'its registers are read, through /dev/vfio' '[ "$(vfioctl read $uuid config vendor_id)" = "0x00000000: 0x4348" ]'

# What the next boot of this machine finds on its disk.
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp \) -prune -o \
  \( -type f -o -type l \) -cnewer /run/began -print0 | tar -cf /run/vm/out/etc.tar --null -T - /etc/systemd/system /root 2>/dev/null
