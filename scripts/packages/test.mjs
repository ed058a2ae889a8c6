// npm run test:packages [-- --suite NAME… --deb FILE]: the package for this processor in systems of Debian (trixie unless
// told) that systemd boots in the virtual machine: install, reboot, upgrade, remove, purge; and once more with libvirt and
// QEMU of the system's own. Makes the package unless told which.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { run } from '../vm/debian.mjs'
import { debianRoot } from '../vm/debian-root.mjs'
import { runInGuest } from '../vm/guest.mjs'

const root = dirname(dirname(import.meta.dirname))
const tests = join(root, 'test/packages')
const state = 'etc.tar'
/** Of one boot, in seconds: some times what it takes on a machine that does nothing else. */
const timeout = 1800
/** Debian 12 has the driver in libvirt-daemon. @param {string} suite */
const virtualization = (suite) => [
  ...['libvirt-daemon', 'libvirt-clients', 'qemu-system-x86'],
  ...(suite === 'bookworm' ? [] : ['libvirt-daemon-driver-nodedev']),
]

const { values } = parseArgs({
  options: {
    suite: { type: 'string', multiple: true, default: ['trixie'] },
    deb: { type: 'string' },
  },
})

const work = mkdtempSync(join(tmpdir(), 'vfioctl-test-packages-'))
try {
  const deb = values.deb ?? makeDeb()
  await collectInputs(deb)
  let failures = 0
  for (const suite of values.suite) failures += await testOn(suite)
  console.log(failures === 0 ? 'all passed' : `${failures} failed`)
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function makeDeb() {
  const args = [join(root, 'scripts/packages.mjs'), '--arch', 'x64', '--format', 'deb', work]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n').at(-1) ?? ''
}

/** The package, and one that differs from it in its version alone. @param {string} deb */
async function collectInputs(deb) {
  const [inputs, unpacked] = [join(work, 'inputs/root'), join(work, 'newer')]
  await run('mkdir', ['-p', inputs])
  copyFileSync(deb, join(inputs, 'vfioctl.deb'))
  await run('dpkg-deb', ['-R', deb, unpacked])
  const control = join(unpacked, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, '$&+newer'))
  await run('dpkg-deb', ['-Znone', '-b', unpacked, join(inputs, 'vfioctl-newer.deb')])
  for (const name of ['facts.sh', 'before.sh', 'after.sh', 'libvirt.sh'])
    copyFileSync(join(tests, name), join(inputs, name))
  await run('tar', ['-cf', join(work, 'inputs.tar'), '-C', join(work, 'inputs'), 'root'])
}

/** @param {string} suite @returns {Promise<number>} how many facts did not hold */
async function testOn(suite) {
  console.log(`\n--- Debian ${suite}`)
  const inputs = readFileSync(join(work, 'inputs.tar'))
  const system = await debianRoot(suite)
  const first = await boot(system, 'before.sh', inputs)
  const kept = first.outputs.get(state)
  const second = kept === undefined ? { failures: 1 } : await boot(system, 'after.sh', kept)
  const third = await boot(await debianRoot(suite, virtualization(suite)), 'libvirt.sh', inputs)
  return first.failures + second.failures + third.failures
}

/** @param {string} system its root folder @param {string} script @param {Buffer} etc */
async function boot(system, script, etc) {
  let said = ''
  const result = await runInGuest({
    command: ['sh', `/root/${script}`],
    cwd: '/',
    kernel: '6.12',
    root: system,
    systemd: true,
    etc,
    timeout,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
    outputs: [state],
    log: {
      out: (text) => {
        said += text
        process.stdout.write(text)
      },
      err: (text) => process.stderr.write(text),
    },
  })
  const passed = said.match(/^passed: /gm)?.length ?? 0
  const failed = said.match(/^failed: /gm)?.length ?? 0
  console.log(`${script}: ${passed} passed, ${failed} failed`)
  const isOver = result.status === 0
  if (!isOver)
    console.log(`failed: the machine ended (${result.status ?? 'before the command did'}):\n${result.console}`)
  return { failures: failed + (isOver ? 0 : 1), outputs: result.outputs }
}
