import type { ProgramEnd } from '../../kernel/kernel.ts'
import { pciDraft, pciRecord } from '../pci/devices.ts'
import { busId, type Gpu } from './gpu-query.ts'
import { done, failed, type NvmlError, nvmlWords } from './nvml-status.ts'

/**
 * `nvidia-smi -mig`: the mode changes at once, as from Hopper on. While the card has virtual functions, the driver
 * refuses to end it (bigstack-oss/cubecos PR 1223, "In use by another client"); to begin it then is not documented, and
 * refused likewise.
 */
export function setMigMode({ machine, device }: Gpu, mode: boolean): ProgramEnd {
  const record = pciRecord(machine.store.read(), device)
  const word = mode ? 'enable' : 'disable'
  const refused = (error: NvmlError) =>
    failed(
      error,
      `Unable to ${word} MIG Mode for GPU ${busId(device)}: ${nvmlWords[error]}\nTerminating early due to previous errors.\n`,
    )
  if (device.vgpus?.mig === undefined) return refused('NOT_SUPPORTED')
  if (record.mig !== mode && record.vfs.length + record.gpuInstances.length > 0) return refused('IN_USE')
  machine.store.update((draft) => {
    const changed = pciDraft(draft, device)
    changed.mig = mode
    if (mode) changed.heterogeneous = false
  })
  return done(`${mode ? 'Enabled' : 'Disabled'} MIG Mode for GPU ${busId(device)}\nAll done.\n`)
}

/**
 * `nvidia-smi vgpu -shm`: for a card with no vGPU (exit 19 otherwise, bigstack-oss/cubecos PR 1338), and not in MIG
 * mode (NVML's change log of R580: NVML_ERROR_NOT_SUPPORTED). It works before there are virtual functions too, and is
 * lost when they are made. What it says on success is not documented, and nothing here.
 */
export function setHeterogeneous({ machine, device }: Gpu, mode: boolean): ProgramEnd {
  const state = machine.store.read()
  const record = pciRecord(state, device)
  const refused = (error: NvmlError) => failed(error, `${nvmlWords[error]}\n`)
  if (device.vgpus?.heterogeneous !== true || record.mig) return refused('NOT_SUPPORTED')
  if (record.vfs.some((vf) => (state.pci[vf]?.vgpuType ?? 0) !== 0)) return refused('IN_USE')
  machine.store.update((draft) => {
    pciDraft(draft, device).heterogeneous = mode
  })
  return done('')
}
