#!/bin/bash
# Binding a VGA card to vfio-pci takes the host's screen away until the next boot, though no driver had the card.
#
# A card on which the firmware's framebuffer is drawn has no driver, so that a bind takes it from nobody, and an unbind would
# leave all as it was. But since Linux 6.0 the probe of vfio-pci removes every framebuffer from a VGA device, before anybody
# opens it: fb0 goes, with the console on it, and so does the platform device that stood for the firmware's framebuffer.
# Unbinding vfio-pci brings nothing back, and there is nothing left to bind.
#
# Version: Linux 6.12.117 of Debian trixie (vesafb), QEMU 10.0.13 and busybox of Debian trixie, x86-64 without KVM.
# Source: drivers/vfio/pci/vfio_pci_core.c, vfio_pci_vga_init(): aperture_remove_conflicting_pci_devices().
# Seen on 2026-11-30:
#   seen: before: driver none, fb0 VESA VGA, vesa-framebuffer.0 there
#   seen: bound: driver vfio-pci, fb0 not there, vesa-framebuffer.0 not there
#   seen: unbound: driver none, fb0 not there, vesa-framebuffer.0 not there
#   seen: bind again: sh: write error: No such device
# Exits non-zero if it behaves otherwise. Needs a Debian machine with apt; some 300 MB are fetched.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
release=6.12.117+deb13-amd64
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' | sed -n "s/^$codename main //p" | head -n 1)
mkdir -p lists/partial cache/archives/partial root
touch status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > sources.list
apt="-o Dir::Etc::SourceList=$folder/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$folder/lists
  -o Dir::State::status=$folder/status -o Dir::Cache=$folder/cache -o APT::Sandbox::User=root"
apt-get $apt -qq update
apt-get $apt -qq install --download-only --no-install-recommends -y qemu-system-x86=1:10.0.13+ds-0+deb13u1 > /dev/null
(cd cache/archives && apt-get $apt -qq download linux-image-$release-unsigned busybox-static)
for package in cache/archives/*.deb; do dpkg-deb -x "$package" root; done
mkdir -p initrd/bin initrd/proc initrd/sys
cp root/usr/bin/busybox initrd/bin/busybox
for module in irqbypass vfio vfio-pci-core vfio-pci; do
  find root -name "$module.ko.xz" -exec xz -dc {} \; > "initrd/$module.ko"
done
cat > initrd/init <<'SH'
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
card=$(busybox dirname /sys/bus/pci/devices/*/boot_vga)
platform=/sys/bus/platform/devices/vesa-framebuffer.0
show() {
  driver=$(busybox readlink "$card/driver" || echo none)
  echo "seen: $1: driver ${driver##*/}, fb0 $(busybox cat /sys/class/graphics/fb0/name 2> /dev/null || echo "not there")," \
    "vesa-framebuffer.0 $([ -e $platform ] && echo there || echo "not there")"
}
for module in irqbypass vfio vfio-pci-core vfio-pci; do busybox insmod /$module.ko; done
show "before"
echo vfio-pci > "$card/driver_override"
echo "${card##*/}" > /sys/bus/pci/drivers_probe
show "bound"
echo "${card##*/}" > "$card/driver/unbind"
show "unbound"
echo "seen: bind again: $( (echo vesa-framebuffer.0 > /sys/bus/platform/drivers/vesa-framebuffer/bind) 2>&1 && echo "done")"
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
timeout 300 bash -c "$(declare -f qemu); libraries=$libraries; qemu \"\$@\"" qemu -L root/usr/share/qemu -L root/usr/share/seabios \
  -M q35,kernel-irqchip=split -device intel-iommu,intremap=on -accel tcg -cpu max -m 1G -nodefaults -display none -serial stdio \
  -no-reboot -device VGA -kernel root/boot/vmlinuz-$release -initrd initrd.cpio \
  -append "console=ttyS0 quiet loglevel=2 intel_iommu=on vga=0x314" 2> qemu.log | tr -d '\r' | grep -o '^seen: .*' | tee seen
grep -qx 'seen: before: driver none, fb0 VESA VGA, vesa-framebuffer.0 there' seen
grep -qx 'seen: bound: driver vfio-pci, fb0 not there, vesa-framebuffer.0 not there' seen
grep -qx 'seen: unbound: driver none, fb0 not there, vesa-framebuffer.0 not there' seen
grep -q '^seen: bind again: .*No such device$' seen
