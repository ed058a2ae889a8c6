#!/bin/bash
# Linux 7 remaps no interrupts behind QEMU's AMD IOMMU, which Linux 6.12 does: VFIO then opens no device there.
#
# QEMU's IVRS table says that the I/O APIC is the PCI function 00:14.0, where a q35 machine has nothing. Linux 6.12 expects
# that very number. Linux 7.3 reads the class of the function instead, and finds neither an SMBus nor an ISA bridge: it
# says "Firmware Bug" and "Disabling interrupt remapping", though amd-iommu was given intremap=on. VFIO_SET_IOMMU answers
# EPERM from then on, unless allow_unsafe_interrupts is set.
#
# Version: QEMU 10.0.13 and busybox 1.37.0 of Debian trixie, Linux 7.3.4 of Debian's trixie-backports, x86-64 without KVM.
# Source: drivers/iommu/amd/init.c, check_ioapic_information(). Seen on 2026-11-29:
#   AMD-Vi: [Firmware Bug]: : No southbridge IOAPIC found
#   AMD-Vi: Disabling interrupt remapping
#   IO-APIC
# The same machine with Debian's Linux 6.12 says "Interrupt remapping enabled".
# Exits non-zero if it behaves otherwise. Needs a Debian machine with apt; some 300 MB are fetched.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
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
(cd cache/archives && apt-get $apt -qq download linux-binary-unsigned-7.3.4+deb13-amd64 busybox-static)
for package in cache/archives/*.deb; do dpkg-deb -x "$package" root; done
mkdir -p initrd/bin initrd/proc
cp root/usr/bin/busybox initrd/bin/busybox
cat > initrd/init <<'SH'
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox uname -r
busybox dmesg | busybox grep -oE 'AMD-Vi: (.*(southbridge IOAPIC|interrupt remapping).*|Interrupt remapping enabled)'
busybox grep -oE '(IR-)?IO-APIC' /proc/interrupts | busybox sort -u
busybox poweroff -f
SH
chmod +x initrd/init
(cd initrd && find . | cpio --quiet -o -H newc) > initrd.cpio
libraries=root/usr/lib/x86_64-linux-gnu
seen=$(
  timeout 300 "$libraries/ld-linux-x86-64.so.2" --library-path "$(find "$libraries" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)" \
    root/usr/bin/qemu-system-x86_64 -L root/usr/share/qemu -L root/usr/share/seabios -M q35,kernel-irqchip=split -accel tcg \
    -cpu max -m 1G -nodefaults -display none -serial stdio -no-reboot -device amd-iommu,intremap=on,xtsup=on \
    -kernel root/usr/lib/modules/7.3.4+deb13-amd64/vmlinuz.unsigned -initrd initrd.cpio -append "console=ttyS0 quiet loglevel=2" 2> qemu.log | tr -d '\r'
)
"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" root/usr/bin/qemu-system-x86_64 --version | head -n 1
echo "$seen"
grep -q 'No southbridge IOAPIC found' <<< "$seen" && ! grep -q IR-IO-APIC <<< "$seen"
