import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { startUdevd } from './udevd.ts'

export interface Virsh {
  /** Runs a command of virsh's to a good end; its stdout. */
  (...args: string[]): string
  /** The arguments of each call of mdevctl that libvirt has made. */
  calls(): string[]
  /** Ends libvirtd, and the daemon that tells it of devices. */
  stop(): Promise<void>
}

/** No daemons beside libvirtd, and QEMU as root in the machine as it is. */
const qemuSettings = [
  ...['user = "root"', 'group = "root"', 'security_driver = "none"', 'stdio_handler = "file"'],
  ...['namespaces = []', 'cgroup_controllers = []', 'dynamic_ownership = 0', 'remember_owner = 0'],
]

/**
 * Starts Debian's libvirtd with nothing but its node devices, or nothing but QEMU, and with a program in the place of mdevctl
 * if told.
 */
export async function startLibvirt({
  driver,
  mdevctl = '/usr/sbin/mdevctl',
}: {
  readonly driver: 'nodedev' | 'qemu'
  readonly mdevctl?: string
}): Promise<Virsh> {
  const endUdevd = startUdevd()
  // It tells libvirt of the devices that are there.
  execFileSync('udevadm', ['trigger'])
  execFileSync('udevadm', ['settle'])
  const folder = mkdtempSync('/run/libvirt-test-')
  const path = join(folder, 'bin')
  const drivers = join(folder, 'drivers')
  const journal = join(folder, 'calls')
  const log = join(folder, 'log')
  for (const made of [path, drivers, '/run/libvirt', '/var/log/libvirt']) mkdirSync(made, { recursive: true })
  const file = `libvirt_driver_${driver}.so`
  symlinkSync(join('/usr/lib/x86_64-linux-gnu/libvirt/connection-driver', file), join(drivers, file))
  if (driver === 'qemu') {
    // whom Debian's package adds: libvirt asks for it, whatever it is told later
    appendFileSync('/etc/passwd', 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n')
    appendFileSync('/etc/group', 'libvirt-qemu:x:64055:\nkvm:x:64056:\n')
    mkdirSync('/etc/libvirt', { recursive: true })
    writeFileSync('/etc/libvirt/qemu.conf', `${qemuSettings.join('\n')}\n`)
  }
  symlinkSync(mdevctl, join(folder, 'mdevctl'))
  writeFileSync(join(path, 'mdevctl'), `#!/bin/sh\necho "$*" >>${journal}\nexec ${folder}/mdevctl "$@"\n`)
  chmodSync(join(path, 'mdevctl'), 0o755)

  const output = openSync(log, 'w')
  const libvirtd = spawn('libvirtd', [], {
    env: { ...process.env, PATH: `${path}:${process.env['PATH']}`, LIBVIRT_DRIVER_DIR: drivers },
    stdio: ['ignore', output, output],
  })
  const call = (args: readonly string[]) =>
    spawnSync('virsh', ['-c', `${driver}:///system`, ...args], { encoding: 'utf8', timeout: 60_000 })
  await vi.waitFor(
    () => {
      const { status, stderr } = call(['uri'])
      const said = () => `${stderr}${readFileSync(log, 'utf8')}`
      expect(status, said()).toBe(0)
    },
    { timeout: 60_000, interval: 500 },
  )
  const virsh = (...args: string[]) => {
    const { status, stdout, stderr } = call(args)
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' })
    return stdout
  }
  const calls = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trimEnd().split('\n') : [])
  const ended = once(libvirtd, 'exit')
  const stop = async () => {
    libvirtd.kill()
    await ended
    endUdevd()
  }
  return Object.assign(virsh, { calls, stop })
}
