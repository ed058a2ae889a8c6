// The memory that doctor says a guest locks, on real kernels: a page below, it cannot be mapped; with just that, it can.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { memoryToLock } from '../../src/lifecycle/doctor/reading/memory-to-lock.ts'
import { skipWithoutMode } from '../contract/iommu-modes.ts'
import { page } from '../contract/machine.ts'
import { type BoundPci, bindPci } from '../contract/pci.ts'

const program = join(import.meta.dirname, 'programs/lock-memory.mjs')
const library = join(import.meta.dirname, '../../dist/index.js')
const nobody = '65534'
const guestMemory = 4 * 1024 * 1024

/** Two devices in groups of their own, of which anybody may open the nodes until the test is over. */
async function openToAll(context: TestContext, mode: 'type1' | 'type1v2' | 'iommufd'): Promise<string[]> {
  const one = await bindPci(context, 'edu')
  skipWithoutMode(context, one.kernel, mode)
  const other = await bindPci(context, 'edu-root-port', one)
  const ofDevice = ({ address }: BoundPci) =>
    existsSync(`/sys/bus/pci/devices/${address}/vfio-dev`)
      ? readdirSync(`/sys/bus/pci/devices/${address}/vfio-dev`).map((name) => `/dev/vfio/devices/${name}`)
      : []
  const nodes = [one, other].flatMap((bound) => [`/dev/vfio/${bound.group}`, ...ofDevice(bound)])
  for (const node of ['/dev/vfio/vfio', '/dev/iommu', ...nodes].filter((it) => existsSync(it))) {
    const { mode: before } = statSync(node)
    chmodSync(node, 0o666)
    onTestFinished(() => void (existsSync(node) && chmodSync(node, before)))
  }
  return [one.address, other.address]
}

/** A program of nobody's that has devices open until the test is over, and maps the guest's memory when it is told to. */
function programOf(mode: string, isShared: boolean, devices: readonly string[]) {
  const words = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', process.execPath, program, library]
  const told = [mode, isShared ? 'shared' : 'own', String(guestMemory), ...devices]
  const child = spawn('setpriv', [...words, ...told], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.stdin.end()
    await ended
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  /** Null if it could map the memory with that limit, else the error. */
  return async (limit: number): Promise<unknown> => {
    execFileSync('prlimit', [`--pid=${child.pid}`, `--memlock=${limit}:${limit}`])
    child.stdin.write('\n')
    return JSON.parse((await lines.next()).value ?? '"it has ended"')
  }
}

const refused = expect.objectContaining({ code: 'MEMLOCK_EXCEEDED', errno: 'ENOMEM' })
const estimate = (deviceCount: number, viommu: boolean) =>
  memoryToLock({ guestMemory, deviceCount, viommu }, deviceCount)?.bytes ?? 0

describe.for(['type1', 'type1v2', 'iommufd'] as const)('the memory that a guest locks by %s', (mode) => {
  it('is that of the guest, with one device', async (context) => {
    const [device = ''] = await openToAll(context, mode)
    const mapWith = programOf(mode, false, [device])
    expect(await mapWith(estimate(1, false) - page)).toEqual(refused)
    expect(await mapWith(estimate(1, false))).toBeNull()
  })
})

// the two versions of type1 count alike
describe.for(['type1v2', 'iommufd'] as const)('the memory that a guest with two devices locks by %s', (mode) => {
  it('is the same in one address space', async (context) => {
    const mapWith = programOf(mode, true, await openToAll(context, mode))
    expect(await mapWith(estimate(2, false) - page)).toEqual(refused)
    expect(await mapWith(estimate(2, false))).toBeNull()
  })

  it('is twice that behind an IOMMU of the guest’s', async (context) => {
    const mapWith = programOf(mode, false, await openToAll(context, mode))
    expect(await mapWith(estimate(2, true) - page)).toEqual(refused)
    expect(await mapWith(estimate(2, true))).toBeNull()
  })

  it('counts for each process, and by iommufd for the user of all', async (context) => {
    const [first = '', second = ''] = await openToAll(context, mode)
    const alone = estimate(1, false)
    expect(await programOf(mode, false, [first])(alone)).toBeNull()
    const mapWith = programOf(mode, false, [second])
    if (mode === 'iommufd') {
      expect(await mapWith(2 * alone - page)).toEqual(refused)
      expect(await mapWith(2 * alone)).toBeNull()
    } else {
      expect(await mapWith(alone - page)).toEqual(refused)
      expect(await mapWith(alone)).toBeNull()
    }
  })
})
