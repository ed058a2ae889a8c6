#!/bin/bash
# Before Linux 7, no file tells which PCI devices a driver takes that is built into the kernel.
#
# modules.alias has, for each driver that is a module, the ids of the devices that it takes at boot. A driver that is built
# in has its licence, description and parameters in modules.builtin.modinfo, where modinfo reads them like a module's, and
# one would look for its ids there too. Debian's 6.12 has no alias of a PCI device in that file: its virtio_pci, which takes
# every virtio disk and network card before the first module is loaded, stands in modules.builtin by name, and nowhere
# with an id. 7.3 has them. So on the older kernel, a device whose id no file knows is not thereby free of a driver.
#
# Version: linux-image 6.12.117 of Debian trixie and linux-base-7.3.4+deb13-amd64 of trixie-backports, amd64.
# Source: include/linux/module.h, MODULE_DEVICE_TABLE(): #ifdef MODULE before; scripts/mod/file2alias.c.
# Seen on 2026-11-30:
#   6.12.117+deb13-amd64, built in: 200 drivers and more; aliases 150, of PCI 0; virtio_pci: license 1, alias 0
#   7.3.4+deb13-amd64, built in: 213 drivers and more; aliases 1321, of PCI 593; virtio_pci: license 1, alias 1
# Exits non-zero if it behaves otherwise. Needs a Debian machine with apt; some 110 MB are fetched.
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
apt-get $apt -qq download linux-image-6.12.117+deb13-amd64-unsigned linux-base-7.3.4+deb13-amd64
for package in *.deb; do dpkg-deb -x "$package" root; done
modules=root/usr/lib/modules
count() { tr '\0' '\n' < "$modules/$1/modules.builtin.modinfo" | grep -c "$2" || true; }
for release in 6.12.117+deb13-amd64 7.3.4+deb13-amd64; do
  grep -q '/virtio_pci.ko$' "$modules/$release/modules.builtin" # built in
  echo "$release, built in: $(count $release '\.license=') drivers and more; aliases $(count $release '\.alias='), of PCI \
$(count $release '\.alias=pci:'); virtio_pci: license $(count $release '^virtio_pci\.license='), alias $(count $release '^virtio_pci\.alias=pci:')"
done
[ "$(count 6.12.117+deb13-amd64 '^virtio_pci\.license=')" = 1 ]
[ "$(count 6.12.117+deb13-amd64 '\.alias=pci:')" = 0 ]
[ "$(count 7.3.4+deb13-amd64 '^virtio_pci\.alias=pci:')" -gt 0 ]
