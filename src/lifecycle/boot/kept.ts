import { counted, pciAddressOrNull } from '../../base/units.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import { boundDriver } from '../../host/group-members.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { readPhysicalFunction } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isEarly } from '../bindings/kept-change.ts'
import { isKeptDevice, waitsForBoot } from '../bindings/kept-device.ts'
import { settingsInWords } from '../bindings/pci-settings.ts'
import { keptInWords } from '../bindings/wanted-driver.ts'
import type { Kept } from '../device/virtual-device-kind.ts'
import { areModesOfCard } from '../gpu-modes/keep-modes.ts'
import { kinds } from '../kinds/kinds.ts'
import { boundDeviceOrNull, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import { type KeptGpuModes, modesInWords } from '../settings/gpu-modes.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { nodeOwners } from '../settings/node-owners.ts'
import { gimLinePath, ownGimNumbers } from '../sriov/gim-line.ts'
import { isKeptForCard } from '../sriov/kept-number.ts'
import { type KeptNumber, sriovSettings } from '../sriov/sriov-settings.ts'

/** Settings kept for the next boots, and warnings of those that cannot be read. */
export interface KeptForBoot {
  readonly kept: readonly Kept[]
  readonly warnings: readonly Warning[]
}

/**
 * Lists what is kept for the next boots: drivers, numbers of virtual functions, modes of GPUs, virtual devices, and
 * owners of nodes. What cannot be read is a warning with its path, and the rest goes on.
 */
export function listKeptForBoot(files: HostFiles, device?: string): KeptForBoot {
  const bindings = keptBindings.list(files)
  const counts = sriovSettings.list(files)
  const modes = gpuModeSettings.list(files)
  const devices = kinds.map((kind) => kind.keptForBoot(files))
  const owners = nodeOwners.list(files)
  const all: Kept[] = [
    ...bindings.settings.map(({ name, value }) => {
      const bound = boundDeviceOrNull(name)
      const shown = bound === null ? name : shownDevice(bound)
      return {
        kind: 'driver',
        device: shown,
        what: keptWish(value),
        now: bindingNow(files, bound, value),
        path: keptBindings.path(name),
        forget: `vfioctl release ${shown}`,
      }
    }),
    ...counts.settings.map(({ name, value }) => ({
      kind: 'functions',
      device: name,
      what: functionsInWords(value),
      now: countNow(files, name, value),
      path: sriovSettings.path(name),
      forget: `vfioctl sriov ${name} 0`,
    })),
    ...gimFunctions(files),
    ...modes.settings.map(({ name, value }) => ({
      kind: 'modes',
      device: name,
      what: modesInWords(value).join(', '),
      now: modesNow(files, name, value),
      path: gpuModeSettings.path(name),
      forget: `vfioctl gpu-mode ${name} --forget`,
    })),
    ...devices.flatMap(({ kept }) => kept),
    ...owners.settings.map(({ name, value: { user, group, mode } }) => ({
      kind: 'owner',
      device: name,
      what: `node of ${user ?? '-'}:${group ?? '-'} ${mode ?? ''}`.trimEnd(),
      now: null,
      path: nodeOwners.path(name),
      forget: `vfioctl undefine ${name}`,
    })),
  ]
  return {
    kept: all.filter((it) => device === undefined || it.device === device),
    warnings: [bindings, counts, modes, ...devices, owners].flatMap(({ warnings }) => warnings),
  }
}

/** '8 virtual functions, autoprobe off' */
function functionsInWords({ count, autoprobe }: KeptNumber): string {
  const probing = autoprobe === undefined ? '' : `, autoprobe ${autoprobe ? 'on' : 'off'}`
  return `${counted(count, 'virtual function')}${probing}`
}

/** By the line of modprobe that vfioctl has written. */
function gimFunctions(files: HostFiles): Kept[] {
  return ownGimNumbers(files).map(({ device, count, now }) => ({
    kind: 'functions',
    device,
    what: `${counted(count, 'virtual function')}, by gim`,
    now: `has ${now}`,
    path: gimLinePath,
    forget: `vfioctl sriov ${device} 0 --modprobe`,
  }))
}

/** Only nvidia-smi tells more. */
function modesNow(files: HostFiles, name: string, kept: KeptGpuModes): string | null {
  const address = pciAddressOrNull(name)
  if (address === null || files.kind(`${pciDevices}/${address}`) === null) return 'not there'
  return areModesOfCard(files, address, kept) ? null : 'another device'
}

/** 'driver vfio-pci, early, power on' */
function keptWish(value: KeptBinding): string {
  const settings = 'vendor' in value ? settingsInWords(value.settings ?? {}) : []
  return [keptInWords(value.driver), ...(isEarly(value) ? ['early'] : []), ...settings].join(', ')
}

function bindingNow(files: HostFiles, device: BusDevice | null, kept: KeptBinding): string {
  if (device === null || files.kind(devicePath(device)) === null) return 'not there'
  if (!isKeptDevice(files, device, kept)) return 'another device'
  const now = `with ${boundDriver(files, `${devicePath(device)}/driver`) ?? 'no driver'}`
  return waitsForBoot(files, kept) ? `${now} until the next boot` : now
}

function countNow(files: HostFiles, name: string, kept: KeptNumber): string {
  const address = pciAddressOrNull(name)
  if (address === null || files.kind(`${pciDevices}/${address}`) === null) return 'not there'
  const card = readPhysicalFunction(files, address)
  return card === null || !isKeptForCard(files, address, kept) ? 'another device' : `has ${card.count}`
}
