#!/bin/bash
# One PCI device behind a conventional bridge, in any slot but the first, takes QEMU's virtio-iommu from all other devices.
#
# QEMU's virtio-iommu knows what is behind a conventional bridge by the one requester ID that the bridge gives it, which is
# that of its slot 0. Linux asks it about each device by the device's own ID (PROBE), for a device in another slot gets "no
# such endpoint", and gives up the registration of the IOMMU as a whole: the groups that were made are taken back. It warns
# of nothing: the last lines of the log are the usual "input address" and "page mask", /sys/class/iommu lists the IOMMU, and
# /sys/kernel/iommu_groups is empty, so that VFIO has no device. With the device in slot 0 everything is as it should be.
#
# Version: QEMU 10.0.13 and busybox 1.37.0 of Debian trixie, Linux 7.3.4 of Debian's trixie-backports, x86-64 without KVM.
# Source: drivers/iommu/virtio-iommu.c, viommu_probe_endpoint() and iommu_device_register(); hw/virtio/virtio-iommu.c,
# virtio_iommu_probe(). Seen on 2026-11-29:
#   slot 0: 3 groups
#   slot 1: 0 groups
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
xz -dc "root/usr/lib/modules/$release/kernel/drivers/iommu/virtio-iommu.ko.xz" > initrd/virtio-iommu.ko
cat > initrd/init <<'SH'
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox insmod /virtio-iommu.ko
echo "IOMMUs: $(busybox ls /sys/class/iommu)"
echo "$(busybox ls /sys/kernel/iommu_groups | busybox wc -l) groups"
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
for slot in 0 1; do
  seen=$(
    timeout 300 bash -c "$(declare -f qemu); libraries=$libraries; qemu \"\$@\"" qemu -L root/usr/share/qemu -L root/usr/share/seabios \
      -M q35 -accel tcg -cpu max -m 1G -nodefaults -display none -serial stdio -no-reboot -device virtio-iommu-pci \
      -device pcie-pci-bridge,id=bridge -device "edu,bus=bridge,addr=$slot" -kernel "root/usr/lib/modules/$release/vmlinuz.unsigned" \
      -initrd initrd.cpio -append "console=ttyS0 quiet loglevel=2" 2> qemu.log | tr -d '\r'
  )
  echo "slot $slot: $(grep -o '^[0-9]* groups' <<< "$seen"), with the $(grep -o '^IOMMUs: .*' <<< "$seen")"
  grep -q "^$((slot == 0 ? 3 : 0)) groups" <<< "$seen"
done
