// A package for Debian and what descends from it.
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nodeLicense } from '../single/executable.mjs'
import { run } from '../vm/debian.mjs'
import { filesIn, fixModes, needsNode, zipped } from './tree.mjs'

const root = dirname(dirname(import.meta.dirname))
const from = join(import.meta.dirname, 'debian')

/** Debian's names of Node's processors. */
const architectures = { x64: 'amd64', arm64: 'arm64', s390x: 's390x' }

/**
 * Programs that libvirt starts, where Debian's mdevctl has them: those of that package give way while ours is there.
 * Its udev rule calls /usr/sbin/mdevctl, which Debian lacks; ours has the rule's work done by a unit.
 */
const ofMdevctl = ['mdevctl', 'lsmdev']

/**
 * Writes the package of a tree into a folder, and returns its path. The same tree and time give the same bytes.
 * @param {{ arch: string, tree: string, folder: string, version: string, time: number }} request
 */
export async function makeDeb({ arch, tree, folder, version, time }) {
  const architecture = architectures[arch]
  const work = `${tree}.deb`
  cpSync(tree, work, { recursive: true, verbatimSymlinks: true })
  const write = (path, content, mode = 0o644) => {
    mkdirSync(dirname(join(work, path)), { recursive: true })
    writeFileSync(join(work, path), content)
    chmodSync(join(work, path), mode)
  }
  for (const name of ofMdevctl) symlinkSync('vfioctl', join(work, 'usr/bin', name))
  const date = new Date(time * 1000)
  write('usr/share/doc/vfioctl/changelog.gz', zipped(changelog(version, date)))
  write('usr/share/doc/vfioctl/NEWS.gz', zipped(readFileSync(join(root, 'src/CHANGELOG.md'))))
  write('usr/share/doc/vfioctl/copyright', copyright(!needsNode(arch)))
  if (!needsNode(arch)) write('usr/share/doc/vfioctl/LICENSE.node.gz', zipped(await nodeLicense(arch)))
  const overrides = readFileSync(join(from, needsNode(arch) ? 'lintian-overrides-node' : 'lintian-overrides'))
  write('usr/share/lintian/overrides/vfioctl', overrides)
  fixModes(work)
  const files = filesIn(work)
  const bytes = files.reduce((sum, path) => sum + Math.ceil(lstatSync(join(work, path)).size / 1024) * 1024, 0)
  mkdirSync(join(work, 'DEBIAN'))
  chmodSync(join(work, 'DEBIAN'), 0o755)
  for (const name of ['preinst', 'postinst', 'prerm', 'postrm']) {
    write(`DEBIAN/${name}`, readFileSync(join(from, name)), 0o755)
  }
  write(
    'DEBIAN/md5sums',
    files
      .filter((it) => !lstatSync(join(work, it)).isSymbolicLink())
      .map((it) => sumLine(work, it))
      .join(''),
  )
  write('DEBIAN/control', control(architecture, version, arch, Math.ceil(bytes / 1024)))
  const file = join(folder, `vfioctl_${version}_${architecture}.deb`)
  // xz as every release reads it; more of it costs a minute and saves little
  const build = ['--root-owner-group', '-Zxz', '-z3', '--threads-max=2', '--build', work, file]
  await run('dpkg-deb', build, { env: { SOURCE_DATE_EPOCH: String(time) } })
  return file
}

function control(architecture, version, arch, kibibytes) {
  const own = needsNode(arch) ? ['nodejs (>= 20.19)'] : []
  const depends = ['libc6 (>= 2.28)', 'libgcc-s1 (>= 3.4)', 'libstdc++6 (>= 5)', ...own]
  return `Package: vfioctl
Version: ${version}
Architecture: ${architecture}
Maintainer: the vfioctl authors <vfioctl@localhost>
Installed-Size: ${kibibytes}
Depends: ${depends.join(', ')}
Recommends: kmod, libudev1, udev
Suggests: bash-completion
Provides: mdevctl (= 1.4.0)
Section: admin
Priority: optional
Description: virtual devices and VFIO, from the command line
 vfioctl creates, keeps and explains mediated devices, vGPUs and SR-IOV
 functions, gives devices to vfio-pci, and reads and writes the registers of
 devices that VFIO opens. What is defined comes back at boot.
 .
 Its definitions are mdevctl's own files. While it is installed it stands in
 mdevctl's place, also for libvirt; mdevctl itself, if it is installed, comes
 back when vfioctl is removed.
 .
 ${needsNode(arch) ? 'It runs on the Node.js of the host.' : 'Node.js is inside: the host needs none.'}
`
}

function changelog(version, date) {
  const day = date.toUTCString().replace('GMT', '+0000')
  return `vfioctl (${version}) unstable; urgency=medium

  * See NEWS.gz.

 -- the vfioctl authors <vfioctl@localhost>  ${day}
`
}

/** In Debian's form: ours, and of what the package has of others. @param {boolean} withNode */
function copyright(withNode) {
  const mit = readFileSync(join(root, 'LICENSE'), 'utf8')
  const [, holders = '', text = ''] = /^MIT License\s+Copyright \(c\) (.*)\n([\s\S]*)$/.exec(mit) ?? []
  const lines = text.trim().split('\n')
  const indented = lines.map((line) => (line.trim() === '' ? ' .' : ` ${line}`)).join('\n')
  const node = `
Files: usr/bin/vfioctl
Copyright: ${holders}
 Node.js contributors, and the authors of what Node.js contains
License: Expat and Node.js

License: Node.js
 The licenses of Node.js and of what it contains are in LICENSE.node.gz, in this folder.
`
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: vfioctl

Files: *
Copyright: ${holders}
License: Expat
${withNode ? node : ''}
License: Expat
${indented}
`
}

function sumLine(tree, path) {
  return `${createHash('md5')
    .update(readFileSync(join(tree, path)))
    .digest('hex')}  ${path}\n`
}
