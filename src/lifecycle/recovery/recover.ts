import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { type PciAddress, parsePciAddress } from '../../base/units.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { readBinding } from '../../host/driver-binding.ts'
import { answersReads } from '../../host/pci-answers.ts'
import { pciPath } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { checkFree } from '../bindings/check-free.ts'
import type { Write } from '../change/change.ts'
import { isDenied, refusedByKernel } from '../change/refused-by-kernel.ts'
import { withLock } from '../files/lock.ts'
import { checkFunctionsUnused } from '../sriov/check-unused.ts'
import type {
  Recovery,
  RecoveryAttempt,
  RecoveryOptions,
  RecoveryRequest,
  RecoveryStep,
  RecoveryWay,
} from './recovery.ts'
import { recoveryWays } from './recovery-ways.ts'

/**
 * Brings a PCI device back that hangs: by one way after another, those that cost least first, until the kernel has done
 * one and the device answers. One that answers already is made anew only with `force`. Each way is told through
 * `onMessage` before it is tried. DEVICE_BUSY, before anything is done, if somebody uses the device; NOT_SUPPORTED if
 * there is no way; PERMISSION_DENIED if this is not root. With `dryRun` it says the ways alone.
 */
export async function recover(
  kernel: Kernel,
  { device }: RecoveryRequest,
  options: RecoveryOptions = {},
): Promise<Recovery> {
  const address = parsePciAddress(device)
  const binding = readBinding(kernel.files, onPci(address))
  if (binding.isBridge) {
    throw new VfioError('NOT_SUPPORTED', `${address} is a bridge: what is behind it would go with it`, {
      hint: 'name the device behind it: vfioctl groups',
    })
  }
  const answered = answersReads(kernel, address)
  const all = recoveryWays(kernel.files, address, binding)
  const ways = answered === true && options.force !== true ? all.filter((way) => !way.makesAnew) : all
  if (ways.length === 0) throw noWay(address, all)
  const found = { device: address, answered, ways: ways.map(shown), attempts: [], recovered: false }
  if (options.dryRun === true) return { ...found, dryRun: true }
  const run = async (): Promise<Recovery> => {
    checkFree(kernel, binding, options)
    const attempts = await tryAll(kernel, address, ways, options)
    const recovered = attempts.at(-1)?.outcome === 'helped'
    return { ...found, attempts, recovered, dryRun: false }
  }
  return withLock(kernel, pciPath(address), run, options)
}

async function tryAll(
  kernel: Kernel,
  address: PciAddress,
  ways: readonly RecoveryWay[],
  { signal, onMessage: said, force = false }: RecoveryOptions,
): Promise<RecoveryAttempt[]> {
  const attempts: RecoveryAttempt[] = []
  for (const way of ways) {
    if (signal?.aborted === true)
      throw new VfioError('INTERRUPTED', `interrupted before ${address} was reset by ${way.way}`)
    if (!force && way.card !== null) checkFunctionsUnused(kernel, way.card)
    said?.(`${address}: trying ${way.way}: ${way.cost}`)
    const attempt = await tryOne(kernel, address, way)
    attempts.push(attempt)
    if (attempt.leftChanged !== null)
      said?.(`${address}: not all is as it was before ${way.way}: ${attempt.leftChanged}`)
    if (attempt.outcome === 'helped') break
    said?.(`${address}: ${way.way} ${attempt.refusal === null ? 'did not help' : `was refused: ${attempt.refusal}`}`)
  }
  return attempts
}

async function tryOne(kernel: Kernel, address: PciAddress, way: RecoveryWay): Promise<RecoveryAttempt> {
  const { files } = kernel
  const refusal = await writeAll(files, way.steps)
  // a device that is off the bus has to come again, whatever refused that once
  const last = way.steps.at(-1)
  if (refusal !== null && files.kind(pciPath(address)) === null && last !== undefined) await writeAll(files, [last])
  const left = files.kind(way.needs) === null ? null : await writeAll(files, way.after)
  if (isDenied(refusal)) throw refusedByKernel(`cannot reset ${address}`, refusal, { hint: '' })
  const helped = files.kind(pciPath(address)) !== null && answersReads(kernel, address) !== false
  const outcome = refusal !== null ? 'refused' : helped ? 'helped' : 'none'
  return { ...shown(way), outcome, refusal: answerOf(refusal), leftChanged: answerOf(left) }
}

/** The failure that ended the writes, or null. */
async function writeAll(files: HostFiles, writes: readonly Write[]): Promise<unknown> {
  try {
    for (const { path, value } of writes) await files.write(path, value)
    return null
  } catch (error) {
    return error
  }
}

function answerOf(failure: unknown): string | null {
  return failure === null ? null : kernelAnswer(failure)
}

function noWay(address: PciAddress, all: readonly RecoveryWay[]): VfioError {
  const [anew] = all
  if (anew === undefined) {
    return new VfioError('NOT_SUPPORTED', `the kernel has no way to reset ${address}`, {
      hint: 'vfioctl sriov shows the card of a virtual function; 0 and then its number of functions makes them anew',
      facts: { device: address },
    })
  }
  return new VfioError('NOT_SUPPORTED', `${address} answers, and the kernel has no reset of it`, {
    hint: `vfioctl reset ${address} --try --force makes it anew: ${anew.cost}`,
    facts: { device: address, way: anew.way },
  })
}

function shown({ way, cost, steps }: RecoveryStep): RecoveryStep {
  return { way, cost, steps }
}
