import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { type PciAddress, parsePciAddress } from '../../base/units.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { readBinding } from '../../host/driver-binding.ts'
import { answersReads } from '../../host/pci-answers.ts'
import { pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkFree } from '../bindings/check-free.ts'
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
 * one and the device answers. Each is told through `onMessage` before it is tried. DEVICE_BUSY, before anything is done,
 * if somebody uses the device; PERMISSION_DENIED if this is not root. With `dryRun` it says the ways alone.
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
  const ways = recoveryWays(kernel.files, address, binding)
  const answered = answersReads(kernel, address)
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
    if (attempt.outcome === 'helped') break
    said?.(`${address}: ${way.way} ${attempt.refusal === null ? 'did not help' : `was refused: ${attempt.refusal}`}`)
  }
  return attempts
}

async function tryOne(kernel: Kernel, address: PciAddress, way: RecoveryWay): Promise<RecoveryAttempt> {
  const { files } = kernel
  let refusal: unknown = null
  try {
    for (const { path, value } of way.steps) await files.write(path, value)
  } catch (error) {
    if (isDenied(error)) throw refusedByKernel(`cannot reset ${address}`, error, { hint: '' })
    refusal = error
  }
  if (files.kind(way.needs) !== null) for (const { path, value } of way.after) await files.write(path, value)
  const helped = files.kind(pciPath(address)) !== null && answersReads(kernel, address) !== false
  const outcome = refusal !== null ? 'refused' : helped ? 'helped' : 'none'
  return { ...shown(way), outcome, refusal: refusal === null ? null : kernelAnswer(refusal) }
}

function shown({ way, cost, steps }: RecoveryStep): RecoveryStep {
  return { way, cost, steps }
}
