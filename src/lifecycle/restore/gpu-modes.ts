import { VfioError } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { boundDriver } from '../../host/group-members.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import type { BroughtUp, RestoreStage } from '../device/restore-task.ts'
import { withLock } from '../files/lock.ts'
import { readGpuState } from '../gpu-modes/gpu-state.ts'
import { areModesOfCard } from '../gpu-modes/keep-modes.ts'
import { migSteps, migWish, vgpuModeSteps } from '../gpu-modes/mode-steps.ts'
import { isHalfCut, reachMigMode, reachVgpuModes } from '../gpu-modes/reach-modes.ts'
import { type KeptGpuModes, modesInWords } from '../settings/gpu-modes.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'

/** MIG modes that are kept for every boot: before virtual functions, which keep the card from changing it. */
export const keptMigModes: RestoreStage = stage({
  isMeant: ({ mig }) => mig !== undefined,
  name: (modes) => (migWish(modes) === true ? 'MIG on' : 'MIG off'),
  reach: (kernel, card, modes) => reachMigMode(kernel, card, migWish(modes)),
  async planned(kernel, card, modes) {
    const { count = 0 } = readPhysicalFunction(kernel.files, card) ?? {}
    return migSteps(card, await readGpuState(kernel, card), migWish(modes), count)
  },
})

/** GPU instances and mixed sizes that are kept for every boot: after virtual functions, with which they are lost. */
export const keptVgpuModes: RestoreStage = stage({
  isMeant: ({ mig = [], heterogeneous }) => mig.length > 0 || heterogeneous !== undefined,
  name: ({ heterogeneous, mig = [] }) => {
    const modes = { ...(heterogeneous === undefined ? {} : { heterogeneous }), ...(mig.length === 0 ? {} : { mig }) }
    return modesInWords(modes).join(', ')
  },
  reach: reachVgpuModes,
  async planned(kernel, card, modes) {
    return vgpuModeSteps(card, await readGpuState(kernel, card), modes, isHalfCut(kernel, card))
  },
})

interface Part {
  readonly isMeant: (modes: KeptGpuModes) => boolean
  readonly name: (modes: KeptGpuModes) => string
  readonly reach: (kernel: Kernel, card: PciAddress, modes: KeptGpuModes) => Promise<BroughtUp['steps']>
  readonly planned: (kernel: Kernel, card: PciAddress, modes: KeptGpuModes) => Promise<BroughtUp['steps']>
}

function stage({ isMeant, name, reach, planned }: Part): RestoreStage {
  return (kernel, coming) => {
    const { files } = kernel
    const { settings, warnings } = gpuModeSettings.list(files)
    const meant = settings.filter((it) => isMeant(it.value) && (coming.only === undefined || it.name === coming.only))
    const tasks = meant.map(({ name: card, value }) => {
      const address = pciAddressOrNull(card)
      const isItself = () => address !== null && areModesOfCard(files, address, value)
      return {
        kind: 'gpu-modes',
        parent: card,
        name: name(value),
        type: null,
        plannedSteps: () => [],
        isParentThere: () => isItself() && boundDriver(files, `${pciDevices}/${card}/driver`) !== null,
        canParentCome: () => address !== null && coming.can(address) && isItself(),
        parentMissing: () => cardMissing(files, card, address !== null && isItself()),
        async bringUp(options: ChangeOptions): Promise<BroughtUp> {
          if (address === null) throw cardMissing(files, card, false)
          if (options.dryRun === true) {
            const steps = await planned(kernel, address, value)
            return { changed: steps.length > 0, steps }
          }
          const steps = await withLock(kernel, pciPath(address), () => reach(kernel, address, value), options)
          return { changed: steps.length > 0, steps }
        },
      }
    })
    return { tasks, warnings }
  }
}

function cardMissing(files: HostFiles, card: string, isItself: boolean): VfioError {
  const forget = `vfioctl gpu-mode ${card} --forget`
  const there = files.kind(`${pciDevices}/${card}`) !== null
  const why = isItself
    ? 'did not get a driver'
    : there
      ? 'is another card than the one whose modes are kept'
      : 'is not there'
  return new VfioError(isItself || !there ? 'NOT_FOUND' : 'NOT_SUPPORTED', `the GPU ${card} ${why}`, {
    hint: `lspci -nnks ${card}; ${forget} forgets its modes`,
    facts: { parent: card },
  })
}
