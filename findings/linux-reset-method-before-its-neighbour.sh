#!/bin/bash
# reset_method of a PCI device may promise a reset of its bus that the kernel then refuses: it was asked before its neighbour.
#
# Linux looks for a device's ways to be reset while it finds the device (pci_init_reset_methods), and a reset of the bus is
# one if nothing else is on that bus. Behind a conventional bridge, the first device is found when it is alone, and keeps
# `bus` in /sys/bus/pci/devices/*/reset_method when the second one has come; the second gets neither reset_method nor reset.
# A write to the first one's `reset` is then refused, with the errno of a device that has no reset at all (ENOTTY). So a
# listed method, and a file `reset`, are no promise; of two equal cards side by side one has them and the other has not.
#
# Version: Linux 7.3.4 of Debian's trixie-backports, QEMU 10.0.13 and busybox 1.37.0 of Debian trixie, x86-64 without KVM.
# Source: drivers/pci/pci.c, pci_init_reset_methods(), pci_parent_bus_reset(); drivers/pci/probe.c, pci_init_capabilities().
# Seen on 2026-11-30:
#   1 of them:
#   edu 0000:01:01.0: bus; a reset: done
#   2 of them:
#   edu 0000:01:01.0: bus; a reset: sh: write error: Inappropriate ioctl for device
#   edu 0000:01:02.0: no reset_method; no reset
# Exits non-zero if it behaves otherwise. Needs a Debian machine with apt; some 400 MB are fetched.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
release=7.3.4+deb13-amd64
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' | sed -n "s/^$codename main //p" | head -n 1)
mkdir -p lists/partial cache/archives/partial root
touch status
for suite in trixie trixie-backports; do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done > sources.list
apt="-o Dir::Etc::SourceList=$folder/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$folder/lists
  -o Dir::State::status=$folder/status -o Dir::Cache=$folder/cache -o APT::Sandbox::User=root"
apt-get $apt -qq update
apt-get $apt -qq install --download-only --no-install-recommends -y qemu-system-x86=1:10.0.13+ds-0+deb13u1 > /dev/null
(cd cache/archives && apt-get $apt -qq download linux-binary-unsigned-$release linux-modules-$release busybox-static)
for package in cache/archives/*.deb; do dpkg-deb -x "$package" root; done
mkdir -p initrd/bin initrd/proc initrd/sys
cp root/usr/bin/busybox initrd/bin/busybox
cat > initrd/init <<'SH'
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
for device in /sys/bus/pci/devices/*; do
  [ "$(busybox cat "$device/vendor")" = 0x1234 ] || continue
  methods=$(busybox cat "$device/reset_method" 2> /dev/null || echo "no reset_method")
  answer="no reset"
  [ -e "$device/reset" ] && answer="a reset: $( (echo 1 > "$device/reset") 2>&1 && echo "done")"
  echo "edu ${device##*/}: $methods; $answer"
done
busybox poweroff -f
SH
chmod +x initrd/init
(cd initrd && find . | cpio --quiet -o -H newc) > initrd.cpio
libraries=root/usr/lib/x86_64-linux-gnu
qemu() {
  "$libraries/ld-linux-x86-64.so.2" --library-path "$(find "$libraries" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)" \
    root/usr/bin/qemu-system-x86_64 "$@"
}
qemu --version | head -n 1
for count in 1 2; do
  devices=""
  for slot in $(seq "$count"); do devices="$devices -device edu,bus=bridge,addr=$slot"; done
  seen=$(
    timeout 300 bash -c "$(declare -f qemu); libraries=$libraries; qemu \"\$@\"" qemu -L root/usr/share/qemu -L root/usr/share/seabios \
      -M q35 -accel tcg -cpu max -m 1G -nodefaults -display none -serial stdio -no-reboot -device pcie-pci-bridge,id=bridge \
      $devices -kernel "root/usr/lib/modules/$release/vmlinuz.unsigned" \
      -initrd initrd.cpio -append "console=ttyS0 quiet loglevel=2" 2> qemu.log | tr -d '\r' | grep -o '^edu .*'
  )
  printf '%s of them:\n%s\n' "$count" "$seen"
  [ "$count" = 1 ] && expected="done" || expected="Inappropriate ioctl for device"
  grep -q "^edu 0000:01:01.0: bus; a reset: .*$expected$" <<< "$seen"
  [ "$count" = 1 ] || grep -q "^edu 0000:01:02.0: no reset_method; no reset$" <<< "$seen"
done
