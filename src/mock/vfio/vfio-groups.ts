import { kernelTraits } from '../base/kernel-traits.ts'
import { type PciDevice, pciDraft, pciRecord } from '../pci/devices.ts'
import { isViable, pciGroups, vfioMembers } from '../pci/groups.ts'
import { checkVfToken } from '../pci/vf-token.ts'
import { isVgpuDriver } from '../pci/vgpu.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { mdevPath, pciPath } from '../scenario/sysfs-paths.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import { type Frozen, type MdevRecord, type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { type DriverServices, makeMdev, makePciModel, makeVgpuModel } from './driver-models.ts'

/**
 * The translation for the devices of a group: an IOMMU; their driver, which is given the memory; or nothing, so that
 * their addresses are physical ones.
 */
export type GroupKind = 'translated' | 'mediated' | 'noiommu'

/** A group as VFIO has it at one moment. */
export interface VfioGroup {
  readonly number: number
  /** Tells it from an earlier group of the same number. */
  readonly key: string
  /** No device of it is with a driver that uses DMA. */
  readonly isViable: boolean
  readonly kind: GroupKind
  readonly devices: readonly VfioDevice[]
}

/** Prefix of the nodes of a group, and of a device in it. */
export function noiommuPrefix({ kind }: Pick<VfioGroup, 'kind'>): '' | 'noiommu-' {
  return kind === 'noiommu' ? 'noiommu-' : ''
}

/** A device that VFIO has. */
export interface VfioDevice {
  readonly name: string
  /** Its folder in sysfs. */
  readonly path: string
  /** Tells it from an earlier device of the same name. */
  readonly key: string
  /** Of its vfio-dev folder, and of its own node; null while it has none. */
  readonly vfioIndex: number | null
  /** It is being taken away, and cannot be opened any more. */
  readonly isLeaving: boolean
  /** Throws if the device does not open for who brings this VF token, or none; null if it takes no token. */
  readonly admit: ((draft: MockState, token: string | null) => void) | null
  makeModel(services: DriverServices): DeviceModel
  /** Keeps what the model saved. */
  keep(draft: MockState, saved: unknown): void
}

/** The IOMMU groups that have a node, with their devices. */
export function vfioGroups(scenario: Scenario, state: Snapshot): VfioGroup[] {
  const ofPci = [...pciGroups(scenario, state)].flatMap(
    ([number, members]) => pciGroup(state, { number, members }) ?? [],
  )
  return [...ofPci, ...state.mdevs.map((mdev) => mdevGroup(scenario, mdev))]
}

/** A group that has any device with vfio-pci. */
function pciGroup(
  state: Snapshot,
  { number, members }: { readonly number: number; readonly members: readonly PciDevice[] },
): VfioGroup | null {
  const ofVfio = vfioMembers(state, members)
  if (ofVfio.length === 0) return null
  const isNoiommu = members.some((device) => pciRecord(state, device).isNoiommu)
  return {
    number,
    key: `group ${number}`,
    isViable: isViable(state, members),
    kind: isNoiommu ? 'noiommu' : 'translated',
    devices: ofVfio.map((device) => pciDevice(device, state)),
  }
}

function pciDevice(device: PciDevice, state: Snapshot): VfioDevice {
  const { driver, unbinding, vfioIndex, isNoiommu, model } = pciRecord(state, device)
  return {
    name: device.address,
    path: pciPath(device),
    key: pciKey(device.address),
    vfioIndex,
    isLeaving: unbinding,
    admit: (draft, token) => checkVfToken(draft, device, token),
    makeModel(services) {
      const isVgpu = isVgpuDriver(device, driver)
      return isVgpu
        ? makeVgpuModel(device, state, services)
        : makePciModel(device, { isNoiommu, saved: model }, services)
    },
    keep(draft, saved) {
      pciDraft(draft, device).model = saved
    },
  }
}

/** A mediated device is alone in its group, and no IOMMU stands behind it. */
function mdevGroup(scenario: Scenario, { group, birth, uuid, ...mdev }: Frozen<MdevRecord>): VfioGroup {
  const device: VfioDevice = {
    name: uuid,
    path: mdevPath(scenario, { parent: mdev.parent, uuid }),
    key: birth,
    vfioIndex: mdev.vfioIndex,
    isLeaving: mdev.removing && kernelTraits(scenario).hidesLeaving,
    admit: null,
    makeModel(services) {
      return makeMdev({ ...mdev, uuid }, services)
    },
    keep(draft, saved) {
      const record = draft.mdevs.find((candidate) => candidate.birth === birth)
      if (record !== undefined) record.model = saved
    },
  }
  return { number: group, key: birth, isViable: true, kind: 'mediated', devices: [device] }
}
