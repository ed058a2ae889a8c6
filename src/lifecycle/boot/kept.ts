import { pciAddressOrNull } from '../../base/units.ts'
import { boundDriver } from '../../host/group-members.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { readPhysicalFunction } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isKeptCard } from '../bindings/bind-kept.ts'
import { findMdevDevice } from '../kinds/mdev/mdev-devices.ts'
import { mdevBus } from '../kinds/mdev/mdev-types.ts'
import { definitionPath, readDefinitions } from '../kinds/mdev/store.ts'
import { readVgpuDefinitions, vgpuSettings } from '../kinds/nvidia-vgpu/definitions.ts'
import { readVgpuFunction } from '../kinds/nvidia-vgpu/vgpu-functions.ts'
import { type KeptBinding, keptBindings } from '../settings/bindings.ts'
import { nodeOwners } from '../settings/node-owners.ts'
import { isKeptForCard } from '../sriov/kept-number.ts'
import { type KeptNumber, sriovSettings } from '../sriov/sriov-settings.ts'

/** One thing that is kept for the next boots. */
export interface Kept {
  readonly kind: 'driver' | 'functions' | 'mdev' | 'vgpu' | 'owner'
  /** What it is kept for: a PCI address or a UUID. */
  readonly device: string
  /** 'driver vfio-pci', '8 virtual functions', 'nvidia-232 on 0000:3b:00.0'. */
  readonly what: string
  /** How that is now: 'with nvme', 'has 4', 'not there'; null where there is nothing to say. */
  readonly now: string | null
  readonly path: string
  /** The command that forgets it, also where the device is gone. */
  readonly forget: string
}

/**
 * What is kept for the next boots: drivers, numbers of virtual functions, devices that start by themselves and vGPUs that
 * are defined, and owners of nodes. What cannot be read is a warning with its path, and the rest goes on.
 */
export function listKeptForBoot(files: HostFiles, device?: string): { kept: Kept[]; warnings: Warning[] } {
  const bindings = keptBindings.list(files)
  const counts = sriovSettings.list(files)
  const mdevs = readDefinitions(files)
  const vgpus = readVgpuDefinitions(files)
  const owners = nodeOwners.list(files)
  const all: Kept[] = [
    ...bindings.settings.map(({ name, value }) => ({
      kind: 'driver' as const,
      device: name,
      what: `driver ${value.driver}`,
      now: bindingNow(files, name, value),
      path: keptBindings.path(name),
      forget: `vfioctl release ${name}`,
    })),
    ...counts.settings.map(({ name, value }) => ({
      kind: 'functions' as const,
      device: name,
      what: `${value.count} virtual functions`,
      now: countNow(files, name, value),
      path: sriovSettings.path(name),
      forget: `vfioctl sriov ${name} 0`,
    })),
    ...mdevs.definitions
      .filter(({ definition }) => definition.start === 'auto')
      .map(({ uuid, parent, definition }) => ({
        kind: 'mdev' as const,
        device: uuid,
        what: `${definition.type} on ${parent}, auto`,
        now:
          files.kind(`${mdevBus}/${parent}`) === null ? 'parent not there' : runs(findMdevDevice(files, uuid) !== null),
        path: definitionPath(parent, uuid),
        forget: `vfioctl undefine -u ${uuid} -p ${parent}`,
      })),
    ...vgpus.definitions.map(({ address, parent, definition }) => ({
      kind: 'vgpu' as const,
      device: address,
      what: `${definition.type} on ${parent}, ${definition.start}`,
      now: vgpuNow(readVgpuFunction(files, address)?.type),
      path: vgpuSettings.path(address),
      forget: `vfioctl undefine ${address}`,
    })),
    ...owners.settings.map(({ name, value: { user, group, mode } }) => ({
      kind: 'owner' as const,
      device: name,
      what: `node of ${user ?? '-'}:${group ?? '-'} ${mode ?? ''}`.trimEnd(),
      now: null,
      path: nodeOwners.path(name),
      forget: `vfioctl undefine ${name}`,
    })),
  ]
  return {
    kept: all.filter((it) => device === undefined || it.device === device),
    warnings: [bindings, counts, mdevs, vgpus, owners].flatMap(({ warnings }) => warnings),
  }
}

function bindingNow(files: HostFiles, name: string, kept: KeptBinding): string {
  const address = pciAddressOrNull(name)
  if (address === null || files.kind(`${pciDevices}/${address}`) === null) return 'not there'
  if (!isKeptCard(files, address, kept)) return 'another device'
  return `with ${boundDriver(files, `${pciDevices}/${address}/driver`) ?? 'no driver'}`
}

function countNow(files: HostFiles, name: string, kept: KeptNumber): string {
  const address = pciAddressOrNull(name)
  if (address === null || files.kind(`${pciDevices}/${address}`) === null) return 'not there'
  const card = readPhysicalFunction(files, address)
  return card === null || !isKeptForCard(files, address, kept) ? 'another device' : `has ${card.count}`
}

function vgpuNow(type: number | null | undefined): string {
  return type === undefined ? 'function not there' : runs(type !== null && type !== 0)
}

function runs(is: boolean): string {
  return is ? 'runs' : 'does not run'
}
