// A package for Fedora, RHEL and SUSE. It has no mdevctl by that name, as RPM cannot have one file give way to another.
import { copyFileSync, cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nodeLicense } from '../single/executable.mjs'
import { ensureInstalled, run } from '../vm/debian.mjs'
import { filesIn, fixModes, zipped } from './tree.mjs'

const root = dirname(dirname(import.meta.dirname))

/** RPM's names of Node's processors. */
const architectures = { x64: 'x86_64', arm64: 'aarch64' }

/** The processors that there is one for: s390x would need a Node of the host's, whose package has another name in each distribution. */
export const rpmArches = Object.keys(architectures)

/**
 * Writes the package of a tree into a folder, and returns its path. The same tree and time give the same bytes.
 * @param {{ arch: string, tree: string, folder: string, version: string, time: number }} request
 */
export async function makeRpm({ arch, tree, folder, version, time }) {
  await ensureInstalled(['rpm'])
  const architecture = architectures[arch]
  const work = `${tree}.rpm`
  const content = join(work, 'content')
  cpSync(tree, content, { recursive: true, verbatimSymlinks: true })
  // where zsh looks there
  const zsh = join(content, 'usr/share/zsh')
  renameSync(join(zsh, 'vendor-completions'), join(zsh, 'site-functions'))
  const doc = join(content, 'usr/share/licenses/vfioctl')
  mkdirSync(doc, { recursive: true })
  copyFileSync(join(root, 'LICENSE'), join(doc, 'LICENSE'))
  writeFileSync(join(doc, 'LICENSE.node.gz'), zipped(await nodeLicense(arch)))
  fixModes(content)
  const spec = join(work, 'vfioctl.spec')
  writeFileSync(
    spec,
    specOf(version, content, ['%dir /usr/share/licenses/vfioctl', ...filesIn(content).map((it) => `/${it}`)]),
  )
  const defines = {
    _topdir: join(work, 'top'),
    _rpmdir: folder,
    _build_name_fmt: '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm',
    _buildhost: 'localhost',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    _binary_payload: 'w3.xzdio',
    // what it has was stripped, and must not change any more
    __os_install_post: '%{nil}',
    debug_package: '%{nil}',
    _build_id_links: 'none',
  }
  const options = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`])
  const env = { SOURCE_DATE_EPOCH: String(time) }
  await run('rpmbuild', ['-bb', '--target', `${architecture}-linux`, ...options, spec], { env })
  return join(folder, `vfioctl-${version}-1.${architecture}.rpm`)
}

/** What it needs is named as each distribution has it: their packages of the C++ library have several names. */
function specOf(version, content, files) {
  return `Name: vfioctl
Version: ${version}
Release: 1
Summary: Virtual devices and VFIO, from the command line
License: MIT
AutoReqProv: no
Requires: libc.so.6(GLIBC_2.28)(64bit), libstdc++.so.6(GLIBCXX_3.4.21)(64bit), libgcc_s.so.1()(64bit)
Recommends: kmod, systemd-udev

%description
vfioctl creates, keeps and explains mediated devices, vGPUs and SR-IOV functions, gives devices to vfio-pci, and reads
and writes the registers of devices that VFIO opens. What is defined comes back at boot. Node.js is inside: the host
needs none.

%install
cp -a ${content}/. %{buildroot}/

%post
# also in an image that is being made, where systemd does not run
if [ $1 -eq 1 ]; then systemctl --no-reload preset vfioctl-restore.service >/dev/null 2>&1 || :; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
if [ -e /run/udev/control ]; then udevadm control --reload || :; fi

%preun
if [ $1 -eq 0 ]; then
  systemctl --no-reload disable vfioctl-restore.service >/dev/null 2>&1 || :
  if [ -d /run/systemd/system ]; then systemctl stop 'vfioctl-restore@*.path' vfioctl-restore.service >/dev/null 2>&1 || :; fi
fi

%postun
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
if [ -e /run/udev/control ]; then udevadm control --reload || :; fi
if [ $1 -eq 0 ]; then
  for folder in /etc/vfioctl.d /etc/mdevctl.d; do
    if [ -n "$(ls -A $folder 2>/dev/null)" ]; then echo "vfioctl: the definitions in $folder stay"; fi
  done
fi

%files
%defattr(-,root,root)
${files.join('\n')}
`
}
