import { VfioError } from '../../base/errors.ts'
import { counted } from '../../base/units.ts'
import { isNvidiaGpu, isSriovGpu } from '../../host/nvidia-gpu.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isHalfConfigured } from '../device/half-configured.ts'

/** NVIDIA's driver makes all virtual functions or none, by a script of its own, which may have been killed half way. */
export function isManaged(files: HostFiles, { address, driver }: PhysicalFunction): boolean {
  return isNvidiaGpu(files, address) && (driver === 'nvidia' || isHalfConfigured(files, address))
}

/** As a number. OUT_OF_RANGE or NOT_SUPPORTED for what the card cannot have. */
export function checkedCount(files: HostFiles, card: PhysicalFunction, asked: number | 'all'): number {
  const count = asked === 'all' ? card.total : asked
  const { address, total } = card
  const facts = { device: address, count, total }
  if (!Number.isInteger(count) || count < 0 || count > total) {
    throw new VfioError(
      'OUT_OF_RANGE',
      `${address} can have 0 to ${counted(total, 'virtual function')}, not ${count}`,
      { facts },
    )
  }
  if (isManaged(files, card) && count !== 0 && !isSriovGpu(files, address)) {
    throw new VfioError(
      'NOT_SUPPORTED',
      `NVIDIA's driver makes no virtual functions of ${address}, though the card advertises them`,
      {
        hint: `its vGPUs are mediated devices of the card itself: vfioctl types -p ${address}`,
        facts,
      },
    )
  }
  if (isManaged(files, card) && count !== 0 && count !== total) {
    throw new VfioError(
      'NOT_SUPPORTED',
      `NVIDIA's driver makes all ${counted(total, 'virtual function')} of ${address} or none`,
      {
        hint: `vfioctl sriov ${address} ${total}; each becomes a vGPU only if it is given a type`,
        facts,
      },
    )
  }
  return count
}
