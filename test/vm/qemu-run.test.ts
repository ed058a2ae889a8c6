// QEMU without a right on any node, with devices that root opens for it: they are where `vfioctl qemu` says.
import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmdirSync } from 'node:fs'
import { expect, it, onTestFinished, type TestContext } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'
import { qemuArguments } from '../../src/lifecycle/guest/qemu-arguments.ts'
import { program, vfioctl } from '../cli/vfioctl.ts'
import { bindPci } from '../contract/pci.ts'

const topologies = ['ports', 'flat', 'bridge', 'bridge-per-group'] as const
/** Debian 12's QEMU has no iommufd; a newer one is there for the kernel that has it: a folder that only root can go through. */
const newer = process.env['VFIOCTL_NEWER_QEMU']
const nodes = newer === undefined ? 'group' : 'iommufd'
const { files } = openLinux()

/** QEMU and its options, where nobody may start it. */
function startableQemu(): string[] {
  if (newer === undefined) return ['qemu-system-x86_64']
  const at = '/run/newer-qemu'
  mkdirSync(at)
  spawnSync('mount', ['--bind', newer, at])
  onTestFinished(() => {
    spawnSync('umount', [at])
    rmdirSync(at)
  })
  const firmware = ['qemu', 'seabios'].flatMap((it) => ['-L', `${at}/usr/share/${it}`])
  return [`${at}/usr/bin/qemu-system-x86_64`, ...firmware]
}

const machine = [
  ...['-M', 'q35', '-accel', 'tcg', '-m', '32', '-S'],
  ...['-nodefaults', '-display', 'none', '-monitor', 'stdio'],
]

/** Both kinds of device: one whose memory the IOMMU reaches, and a mediated one. */
async function startDevices(context: TestContext) {
  const { address } = await bindPci(context, 'edu')
  const uuid = randomUUID()
  onTestFinished(() => void vfioctl(['stop', uuid]))
  expect(vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1'])).toMatchObject({ status: 0 })
  return [address, uuid] as const
}

/** What QEMU as nobody says of its devices, with this much memory that it may lock. */
async function tree(qemu: readonly string[], words: readonly string[]) {
  const command = [program, 'run', ...words, '--user', 'nobody', `--${nodes}`, '--', ...qemu, ...machine, '{qemu}']
  const child = spawn(process.execPath, command, { stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  // it may end before it reads
  child.stdin.on('error', () => {})
  child.stdin.end('info qtree\nquit\n')
  const [status] = await once(child, 'close')
  return { status, said }
}

/** The bus that the monitor shows a device on, and its address there. */
function placeOf(said: string, id: string): { bus: string; addr: string } {
  let bus = ''
  let isIt = false
  for (const line of said.split(/\r?\n/)) {
    const [, its] = /^ *bus: (.+)$/.exec(line) ?? []
    const [, device] = /^ *dev: \S+, id "(.*)"$/.exec(line) ?? []
    const [, addr] = /^ *addr = (\S+)$/.exec(line) ?? []
    if (its !== undefined) bus = its
    if (device !== undefined) isIt = device === id
    if (isIt && addr !== undefined) return { bus, addr }
  }
  throw new Error(`no ${id} in ${said}`)
}

/** As `vfioctl qemu` has it; it leaves bus 0, and the only slot behind a port, to QEMU. */
function placeTold(values: readonly string[], id: string): { bus: string; addr: unknown } {
  const its = values.find((value) => value.includes(`id=${id},`) || value.endsWith(`id=${id}`)) ?? ''
  const [, bus = 'pcie.0'] = /bus=([^,]+)/.exec(its) ?? []
  const [, slot] = /addr=0x([0-9a-f]+)/.exec(its) ?? []
  const addr = slot === undefined ? (bus === 'pcie.0' ? expect.any(String) : '00.0') : `${slot.padStart(2, '0')}.0`
  return { bus, addr }
}

it(`QEMU as nobody has devices by ${nodes} where we say, and no more memory for them than it may lock`, async (context) => {
  const devices = await startDevices(context)
  const qemu = startableQemu()
  for (const topology of topologies) {
    const { status, said } = await tree(qemu, [...devices, '--memlock', '64M', '--topology', topology])
    if (status !== 0) throw new Error(`QEMU with ${topology} ended with ${status}: ${said}`)
    const { arguments: told } = qemuArguments(files, devices, { topology })
    const places = ['hostdev0', 'hostdev1'].map((id) => [placeOf(said, id), placeTold(told, id)])
    for (const [place, expected] of places) expect({ topology, ...place }).toEqual({ topology, ...expected })
    expect(said.match(/pci id (?:1234:11e8|4348:3253)/g)).toHaveLength(2)
  }
  const { status, said } = await tree(qemu, [...devices, '--memlock', '1M'])
  expect(status).not.toBe(0)
  expect(said).toMatch(/Cannot allocate memory|VFIO_MAP_DMA|IOMMU_IOAS_MAP/)
})
