import { asVfioError, kernelAnswer, VfioError, withMore } from '../../../base/errors.ts'
import { failedWith } from '../../../base/system-error.ts'
import type { PciAddress } from '../../../base/units.ts'
import { pciPath, type SriovNumbers } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { ChangeOptions, Write } from '../../change/change.ts'
import { withKernelLog } from '../../change/kernel-log.ts'
import { refusedByKernel } from '../../change/refused-by-kernel.ts'
import { withDeviceLock } from '../../device/device-lock.ts'
import { formatShares, type GpuShares } from '../../device/gpu-shares.ts'
import { heldFunction } from './held-function.ts'
import { readShares } from './read-shares.ts'
import { needsIdle, shareWrites } from './share-writes.ts'
import { functionsOf } from './xe-cards.ts'

/**
 * Makes the writes, while nobody can open the function if its VRAM changes, and looks whether it has what was asked
 * for. If one fails, the function has its earlier shares again.
 */
export async function setShares(
  kernel: Kernel,
  card: SriovNumbers,
  address: PciAddress,
  { wanted, writes }: { readonly wanted: GpuShares; readonly writes: readonly Write[] },
  { signal }: ChangeOptions,
): Promise<void> {
  const { files } = kernel
  const before = readShares(files, card, address)
  const work = async () => {
    try {
      for (const step of writes) {
        if (signal?.aborted === true) throw new VfioError('INTERRUPTED', `interrupted while ${address} got its shares`)
        await make(kernel, card, address, step)
      }
      checkGiven(files, card, address, wanted)
    } catch (error) {
      throw await afterGivingBack(kernel, card, address, before, asVfioError(error))
    }
  }
  await (needsIdle(writes) ? withDeviceLock(kernel, heldFunction(files, address), work) : work())
}

async function make(kernel: Kernel, card: SriovNumbers, address: PciAddress, step: Write): Promise<void> {
  const subject = { name: address, card: pciPath(card.address) }
  await withKernelLog(kernel, subject, async () => {
    try {
      await kernel.files.write(step.path, step.value)
    } catch (cause) {
      throw refused(kernel.files, card, address, step, cause)
    }
  })
}

function refused(
  files: HostFiles,
  card: SriovNumbers,
  address: PciAddress,
  { path, value }: Write,
  cause: unknown,
): VfioError {
  const tried = `cannot write ${value} to ${path}`
  const facts = { device: address, card: card.address }
  if (path.endsWith('/vram_quota') && failedWith(cause, 'ENOMEM', 'ENOSPC')) {
    const others = functionsOf(files, card.address).flatMap((it) => {
      const shares = readShares(files, card, it)
      return it === address || shares.vram === 0 ? [] : [`${it} has ${formatShares(shares)}`]
    })
    const held = others.length === 0 ? '' : `: ${others.join('; ')}`
    return new VfioError('NO_INSTANCE_LEFT', `${card.address} has not so much VRAM left for ${address}${held}`, {
      cause,
      path,
      hint: `vfioctl list -p ${card.address}; vfioctl stop ADDRESS gives a function's VRAM back`,
      facts,
    })
  }
  if (failedWith(cause, 'ENOENT')) {
    const why = path.endsWith('/vram_quota')
      ? 'it has no VRAM, or this Linux does not share it: that came with 7.1'
      : 'the kernel has no such file'
    return new VfioError('NOT_SUPPORTED', `${tried}: ${why}`, {
      cause,
      path,
      hint: 'uname -r; vfioctl types -v',
      facts,
    })
  }
  if (failedWith(cause, 'EPERM', 'EOPNOTSUPP')) {
    const why = `${tried}: ${kernelAnswer(cause)}: this GPU or its firmware cannot`
    return new VfioError('NOT_SUPPORTED', why, { cause, path, hint: 'dmesg | tail', facts })
  }
  if (failedWith(cause, 'EIO')) {
    const why = `${tried}: ${kernelAnswer(cause)}: the firmware refuses, as it does while the function is in use`
    const hint = `vfioctl list ${address}; vfioctl reset ${address}; dmesg | tail`
    return new VfioError('SYSTEM_CALL_FAILED', why, { cause, path, hint, facts })
  }
  return refusedByKernel(tried, cause, { path, hint: 'dmesg | tail', facts })
}

/** The driver rounds to what the hardware can: then what is kept would never be what is there. */
function checkGiven(files: HostFiles, card: SriovNumbers, address: PciAddress, wanted: GpuShares): void {
  const given = formatShares(readShares(files, card, address))
  if (given === formatShares(wanted)) return
  throw new VfioError('SYSTEM_CALL_FAILED', `${address} got ${given}, not ${formatShares(wanted)}`, {
    hint: `ask for what it can have: ${given}; dmesg | tail`,
    facts: { device: address, asked: formatShares(wanted), given },
  })
}

async function afterGivingBack(
  kernel: Kernel,
  card: SriovNumbers,
  address: PciAddress,
  before: GpuShares,
  error: VfioError,
): Promise<VfioError> {
  try {
    for (const { path, value } of shareWrites(kernel.files, card, address, before)) {
      await kernel.files.write(path, value)
    }
    return withMore(error, `${address} has ${formatShares(before)}, as before`)
  } catch (second) {
    const now = formatShares(readShares(kernel.files, card, address))
    return withMore(error, `it had ${formatShares(before)}, and has ${now} now: ${kernelAnswer(second)}`)
  }
}
