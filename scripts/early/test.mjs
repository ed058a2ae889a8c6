// npm run test:early [-- --tool NAME… --deb FILE]: binding before any other driver sees a card, in systems of Debian whose
// initramfs is made by initramfs-tools, and by dracut, on the machine's own disk, boot after boot. Makes the package unless
// told which. Of two cards of one kind one is bound early; a serial card has a driver that is built in.
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { architectures } from '../vm/architectures.mjs'
import { ensureInstalled, run } from '../vm/debian.mjs'
import { debianRoot } from '../vm/debian-root.mjs'

const root = dirname(dirname(import.meta.dirname))
const tests = join(root, 'test/early')
/** Of one boot, in seconds: some times what it takes on a machine that does nothing else. */
const timeout = 1800

/** @typedef {{ script: string, words?: string[] }} Boot */

const withoutSerial = ['initcall_blacklist=serial_pci_driver_init']
/** The boots of a system, by what makes its initramfs. @type {Record<string, Boot[]>} */
const boots = {
  'initramfs-tools': [
    { script: 'first' },
    { script: 'early' },
    { script: 'early' },
    { script: 'left-out', words: ['vfioctl.early=0'] },
    { script: 'not-registered', words: withoutSerial },
    { script: 'both', words: withoutSerial },
    { script: 'gone' },
  ],
  dracut: [
    { script: 'first' },
    { script: 'early' },
    { script: 'left-out', words: ['vfioctl.early=0'] },
    { script: 'undo' },
    { script: 'gone' },
  ],
}

const { values } = parseArgs({
  options: { tool: { type: 'string', multiple: true, default: Object.keys(boots) }, deb: { type: 'string' } },
})

const work = mkdtempSync(join(tmpdir(), 'vfioctl-test-early-'))
try {
  await ensureInstalled(['qemu-system-x86', 'e2fsprogs'])
  const deb = values.deb ?? makeDeb()
  let failures = 0
  for (const tool of values.tool) failures += await testWith(tool, deb)
  console.log(failures === 0 ? 'all passed' : `${failures} failed`)
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function makeDeb() {
  const args = [join(root, 'scripts/packages.mjs'), '--arch', 'x64', '--format', 'deb', work]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n').at(-1) ?? ''
}

/** @param {string} tool @param {string} deb @returns {Promise<number>} how many facts did not hold */
async function testWith(tool, deb) {
  const disk = join(work, `${tool}.img`)
  const release = await makeDisk(tool, deb, disk)
  let failures = 0
  for (const { script, words = [] } of boots[tool]) {
    console.log(`\n--- ${tool}: ${[script, ...words].join(' ')}`)
    failures += await boot(disk, release, [`early.test=${script}`, ...words])
  }
  return failures
}

/** A disk with the system, the package and the scripts. @param {string} tool @param {string} deb @param {string} disk */
async function makeDisk(tool, deb, disk) {
  const system = join(work, tool)
  await run('cp', ['-a', '--reflink=auto', await debianRoot('trixie', ['linux-image-amd64', tool, 'zstd']), system])
  mkdirSync(join(system, 'root/early'), { recursive: true })
  cpSync(tests, join(system, 'root/early'), { recursive: true })
  cpSync(join(tests, 'early.service'), join(system, 'etc/systemd/system/early.service'))
  cpSync(deb, join(system, 'root/vfioctl.deb'))
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' }
  await run('chroot', [system, 'dpkg', '-i', '/root/vfioctl.deb'], { env })
  // dracut looks into /proc: a mount that ends with its process
  const prepare = 'mount -t proc proc "$1/proc" && exec chroot "$1" sh -e "/root/early/$2.sh"'
  await run('unshare', ['-m', 'sh', '-c', prepare, 'sh', system, tool], { env })
  await run('truncate', ['-s', '3G', disk])
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', system, disk])
  const [release] = (await run('ls', [join(system, 'lib/modules')])).trim().split('\n')
  rmSync(system, { recursive: true })
  return release
}

/**
 * One boot, with the kernel and the initramfs that the disk has by then.
 * @param {string} disk
 * @param {string} release
 * @param {string[]} words of the kernel's command line
 * @returns {Promise<number>} how many facts did not hold
 */
async function boot(disk, release, words) {
  const [kernel, initrd] = [join(work, 'vmlinuz'), join(work, 'initrd')]
  for (const [name, file] of [
    [`vmlinuz-${release}`, kernel],
    [`initrd.img-${release}`, initrd],
  ]) {
    await run('debugfs', ['-R', `dump /boot/${name} ${file}`, disk])
  }
  const { machine, commandLine, iommus } = architectures.x64
  const iommu = iommus.intel
  const append = [
    ...[...commandLine, ...iommu.commandLine, ...words],
    ...[
      'root=/dev/nvme0n1',
      'rw',
      'init=/usr/lib/systemd/systemd',
      'systemd.unit=early.service',
      'systemd.show_status=0',
    ],
    ...['quiet', 'loglevel=3', 'mitigations=off', 'nowatchdog', 'oops=panic', 'panic=-1'],
    // says of each device which driver gets it
    ...['dyndbg="file drivers/base/dd.c +p"', 'log_buf_len=16M'],
  ].join(' ')
  const said = await power([
    ...[...machine, ...iommu.machine, '-m', '2G', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', append],
    ...['-drive', `file=${disk},format=raw,if=none,id=disk`, '-device', 'nvme,drive=disk,serial=disk,addr=0x3'],
    // 01:00.0 and 02:00.0
    ...['-device', 'pcie-root-port,id=port1,chassis=1,addr=0x4', '-device', 'e1000e,bus=port1'],
    ...['-device', 'pcie-root-port,id=port2,chassis=2,addr=0x5', '-device', 'e1000e,bus=port2'],
    ...['-device', 'pci-serial,addr=0x6'],
  ])
  const failed = said.match(/^failed: /gm)?.length ?? 0
  if (/^over\r?$/m.test(said)) return failed
  console.log(`failed: the machine ended before it was over`)
  return failed + 1
}

/** Runs the machine to its end. @param {string[]} args @returns {Promise<string>} its console */
async function power(args) {
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', architectures.x64.qemu, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  qemu.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
    process.stdout.write(text)
  })
  const deadline = setTimeout(() => qemu.kill('SIGKILL'), timeout * 1000)
  try {
    await new Promise((resolve, reject) => qemu.on('error', reject).on('close', resolve))
  } finally {
    clearTimeout(deadline)
  }
  return said
}
