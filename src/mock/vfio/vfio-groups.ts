import { makeMdevModel } from '../devices/models.ts'
import { Errno } from '../errno.ts'
import { parentPath, pciPath } from '../files/sysfs-paths.ts'
import { kernelTraits } from '../kernel-traits.ts'
import type { Machine } from '../machine.ts'
import { typeOf } from '../mdev/capacity.ts'
import { type PciDevice, pciDraft, pciRecord } from '../pci/devices.ts'
import { isViable, pciGroups, vfioMembers } from '../pci/groups.ts'
import { canReset } from '../pci/reset.ts'
import { checkVfToken, vfTokenFeature } from '../pci/vf-token.ts'
import { currentVgpu, isVgpuDriver } from '../pci/vgpu.ts'
import type { Scenario, ScenarioModel } from '../scenario/scenario.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import { DeviceMemory } from '../sdk/guest-memory.ts'
import { ParentDma } from '../sdk/parent-dma.ts'
import { type Frozen, type MdevRecord, type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { HotReset } from '../vfio-pci/hot-reset.ts'
import { makePciModel } from '../vfio-pci/make-pci-model.ts'
import type { DmaAccess, DmaMappings } from './dma-mappings.ts'

/**
 * What translates for the devices of a group: an IOMMU; their driver, which is given the memory; or nothing, so that their
 * addresses are physical ones.
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

/** What the nodes of a group, and of a device in it, begin with. */
export function noiommuPrefix({ kind }: Pick<VfioGroup, 'kind'>): '' | 'noiommu-' {
  return kind === 'noiommu' ? 'noiommu-' : ''
}

/** What a driver gets for one device that is opened. */
export interface DriverServices {
  readonly machine: Machine
  /** The translations of the address space that the device is in at the moment. */
  readonly space: () => DmaMappings | null
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
  /** Throws where the device does not open for who brings this VF token, or none; null where it takes no token. */
  readonly admit: ((draft: MockState, token: string | null) => void) | null
  makeModel(services: DriverServices): DeviceModel
  /** Keeps what the model saved. */
  keep(draft: MockState, saved: unknown): void
}

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
      if (isVgpuDriver(device, driver)) return makeVgpuModel(device, state, services)
      const { machine, space } = services
      const { clock, observer, traits, store, physical } = machine
      const translated: DmaAccess = {
        read: (iova, into) => space()?.read(iova, into) ?? false,
        write: (iova, from) => space()?.write(iova, from) ?? false,
      }
      const dma = isNoiommu ? physical : translated
      const raised = (index: number, vector: number) => observer.raised({ device: device.address, index, vector })
      const features = vfTokenFeature(store, device)
      const hotReset = new HotReset(machine, device)
      return makePciModel(device, {
        dma,
        clock,
        raised,
        traits,
        features,
        hotReset,
        canReset: () => canReset(store.read(), device),
        saved: model,
        functions: machine.functions,
      })
    },
    keep(draft, saved) {
      pciDraft(draft, device).model = saved
    },
  }
}

/** ENODEV while no type is chosen. */
function makeVgpuModel(device: PciDevice, state: Snapshot, services: DriverServices): DeviceModel {
  const type = currentVgpu(state, device)
  if (type === null) throw new Errno('ENODEV')
  const what = { name: device.address, parent: device.physfn ?? '', type: String(type.id), model: type.model }
  const parentDma = new ParentDma({ hasIommu: true })
  return makeMediated({ ...what, saved: pciRecord(state, device).model, parentDma }, services)
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
      const parent = scenario.parents.find(({ name }) => name === mdev.parent)
      const type = parent === undefined ? undefined : typeOf(parent, mdev.type)
      const parentDma = services.machine.parents.get(mdev.parent)
      if (type === undefined || parentDma === undefined) throw new Errno('ENODEV')
      const what = { name: uuid, parent: mdev.parent, type: mdev.type, model: type.model }
      return makeMediated({ ...what, saved: mdev.model, parentDma }, services)
    },
    keep(draft, saved) {
      const record = draft.mdevs.find((candidate) => candidate.birth === birth)
      if (record !== undefined) record.model = saved
    },
  }
  return { number: group, key: birth, isViable: true, kind: 'mediated', devices: [device] }
}

function mdevPath(scenario: Scenario, { parent, uuid }: { readonly parent: string; readonly uuid: string }): string {
  const its = scenario.parents.find(({ name }) => name === parent)
  return `${its === undefined ? '/sys/devices/virtual' : parentPath(scenario, its)}/${uuid}`
}

/** The model of what a driver makes of a piece of its hardware. */
function makeMediated(
  {
    model,
    parentDma,
    ...what
  }: {
    readonly name: string
    readonly parent: string
    readonly type: string
    readonly model: ScenarioModel
    readonly saved: unknown
    readonly parentDma: ParentDma
  },
  { machine, space }: DriverServices,
): DeviceModel {
  const { physical, traits, clock, observer, models } = machine
  const memory = new DeviceMemory({ space, physical, parent: parentDma })
  const raised = (index: number, vector: number) => observer.raised({ device: what.name, index, vector })
  return releasing(makeMdevModel(model, { ...what, traits, memory, bus: parentDma, clock, raised }, models), memory)
}

/** What the model leaves pinned is let go once it is closed. */
function releasing(model: DeviceModel, memory: DeviceMemory): DeviceModel {
  const close = model.close?.bind(model)
  model.close = () => {
    close?.()
    memory.release()
  }
  return model
}
