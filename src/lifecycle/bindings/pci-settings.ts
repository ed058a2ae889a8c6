import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { formatSize, type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import type { BusDevice } from '../../host/bus/bus-device.ts'
import { barResizePath, barSizeExponent, type ResizableBar, readResizableBars } from '../../host/pci-bars.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { listedResetMethods, readPciPower } from '../../host/pci-power.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import type { PciSettings } from '../settings/pci-settings.ts'

/** The writes that make a device's settings as they should be; none for what is so already. */
export interface SettingWrites {
  /** Before a driver has the device, which may let it lose power at once. */
  readonly before: readonly Write[]
  /** Sizes of BARs, which the kernel changes only while no driver has the device. */
  readonly resizes: readonly Write[]
  /** After its driver has come, which chooses too. */
  readonly after: readonly Write[]
}

/** None. */
export const noSettingWrites: SettingWrites = { before: [], resizes: [], after: [] }

/** The writes for settings of a device; `gotDriver` if it gets a driver, whatever that chooses. */
export function settingWrites(
  files: HostFiles,
  address: PciAddress,
  wanted: PciSettings | null,
  gotDriver: boolean,
): SettingWrites {
  if (wanted === null) return noSettingWrites
  const { power, d3cold, resetMethods, bars = {} } = wanted
  const now = settingsNow(files, address, wanted)
  const write = (path: string, value: string): Write => ({ action: 'write', path, value })
  const folder = `${pciDevices}/${address}`
  return {
    before: [
      ...(d3cold === undefined || d3cold === now.d3cold ? [] : [write(`${folder}/d3cold_allowed`, d3cold ? '1' : '0')]),
      ...(resetMethods === undefined || isSameOrder(resetMethods, listedResetMethods(files, address))
        ? []
        : [write(`${folder}/reset_method`, resetMethods.length === 0 ? '\n' : resetMethods.join(' '))]),
    ],
    resizes: Object.entries(bars)
      .filter(([bar, size]) => now.bars?.[bar] !== size)
      .map(([bar, size]) => write(barResizePath(address, Number(bar)), String(barSizeExponent(size)))),
    after: power === undefined || (power === now.power && !gotDriver) ? [] : [write(`${folder}/power/control`, power)],
  }
}

function isSameOrder(one: readonly string[], other: readonly string[] | undefined): boolean {
  return one.join(' ') === other?.join(' ')
}

/** The present values of those settings, as far as the kernel tells them. */
export function settingsNow(files: HostFiles, address: PciAddress, of: PciSettings): PciSettings {
  const { control, d3coldAllowed, resetMethods } = readPciPower(files, address)
  const bars = readResizableBars(files, address).flatMap(({ bar, size }): [string, number][] => {
    return size === null || of.bars?.[bar] === undefined ? [] : [[String(bar), size]]
  })
  return {
    ...(of.power === undefined || control === null ? {} : { power: control }),
    ...(of.d3cold === undefined || d3coldAllowed === null ? {} : { d3cold: d3coldAllowed }),
    ...(of.resetMethods === undefined ? {} : { resetMethods }),
    ...(bars.length === 0 ? {} : { bars: Object.fromEntries(bars) }),
  }
}

/** Those settings that are otherwise now, in words: 'power auto', 'D3cold allowed', 'BAR 1 of 256 MiB'. */
export function otherSettings(files: HostFiles, { bus, name }: BusDevice, wanted: PciSettings | null): string[] {
  const address = bus === 'pci' ? pciAddressOrNull(name) : null
  if (wanted === null || address === null) return []
  const now = settingsNow(files, address, wanted)
  const { power, d3cold, resetMethods } = wanted
  return settingsInWords({
    ...(now.power === undefined || now.power === power ? {} : { power: now.power }),
    ...(now.d3cold === undefined || now.d3cold === d3cold ? {} : { d3cold: now.d3cold }),
    ...(now.resetMethods === undefined || isSameOrder(now.resetMethods, resetMethods)
      ? {}
      : { resetMethods: now.resetMethods }),
    bars: Object.fromEntries(Object.entries(now.bars ?? {}).filter(([bar, size]) => wanted.bars?.[bar] !== size)),
  })
}

/** Settings in words: ['power on', 'D3cold not allowed', 'resets bus flr', 'BAR 1 of 8 GiB']. */
export function settingsInWords({ power, d3cold, resetMethods, bars = {} }: PciSettings): string[] {
  return [
    ...(power === undefined ? [] : [`power ${power}`]),
    ...(d3cold === undefined ? [] : [`D3cold ${d3cold ? '' : 'not '}allowed`]),
    ...(resetMethods === undefined
      ? []
      : [resetMethods.length === 0 ? 'no resets' : `resets ${resetMethods.join(' ')}`]),
    ...Object.entries(bars).map(([bar, size]) => `BAR ${bar} of ${formatSize(size)}`),
  ]
}

/** NOT_SUPPORTED, with what there is, for settings that the device or this kernel does not have. */
export function checkSettings(files: HostFiles, address: PciAddress, { bars = {}, ...others }: PciSettings): void {
  const needs = [
    ['power', 'power/control', 'this kernel is built without power management (CONFIG_PM)'],
    ['d3cold', 'd3cold_allowed', 'this kernel has no D3cold for it'],
    ['resetMethods', 'reset_method', 'the kernel has no way to reset it, or is older than Linux 5.15'],
  ] as const
  for (const [key, file, why] of needs) {
    if (others[key] !== undefined && files.kind(`${pciDevices}/${address}/${file}`) === null)
      throw notSupported(address, `${address} has no ${file}: ${why}`, `ls ${pciDevices}/${address}`)
  }
  const resizable = readResizableBars(files, address)
  for (const [bar, size] of Object.entries(bars)) checkBarSize(address, resizable, Number(bar), size)
}

function checkBarSize(address: PciAddress, resizable: readonly ResizableBar[], bar: number, size: number): void {
  const its = resizable.find((one) => one.bar === bar)
  const hint = `vfioctl inspect ${address} shows the sizes that its BARs can have`
  if (its === undefined) {
    const others = resizable.map((one) => one.bar)
    const which = others.length === 0 ? 'it has none that are' : `of its BARs, ${others.join(' and ')} can`
    throw notSupported(address, `BAR ${bar} of ${address} cannot be resized: ${which}`, hint)
  }
  if (its.sizes.includes(size)) return
  const sizes = its.sizes.map(formatSize).join(', ')
  throw notSupported(address, `BAR ${bar} of ${address} cannot have ${formatSize(size)}: it can have ${sizes}`, hint)
}

function notSupported(address: PciAddress, message: string, hint: string): VfioError {
  return new VfioError('NOT_SUPPORTED', message, { hint, facts: { device: address } })
}

const settingPath = /\/(power\/control|d3cold_allowed|reset_method|resource([0-5])_resize)$/

/** True if a write sets power, resets or a BAR's size. */
export function isSettingWrite({ path }: Write): boolean {
  return settingPath.test(path)
}

/** The error for one of those writes that the kernel refused. */
export function settingRefused(name: string, { path, value }: Write, cause: unknown): VfioError {
  const [, file = '', bar] = settingPath.exec(path) ?? []
  const facts = { device: name }
  if (bar !== undefined) {
    const size = formatSize(2 ** (Number(value) + 20))
    return refusedByKernel(`cannot resize BAR ${bar} of ${name} to ${size}`, cause, {
      path,
      hint: resizeHint(name, cause),
      facts,
    })
  }
  const wanted = value.trim() === '' ? 'none' : value
  const hint = file === 'reset_method' ? resetHint(name, value) : 'dmesg | tail'
  return refusedByKernel(`cannot set ${file} of ${name} to ${wanted}`, cause, { path, hint, facts })
}

function resizeHint(name: string, cause: unknown): string {
  if (failedWith(cause, 'ENOSPC')) {
    return `the window of the bridge above ${name} is too small, or another device below it uses that window: take the others from their drivers (vfioctl groups --tree), allow "Above 4G decoding" in the firmware, or pci=realloc on the kernel's command line`
  }
  if (failedWith(cause, 'EBUSY')) return `a driver has ${name}, or it has virtual functions: vfioctl sriov ${name} 0`
  return 'dmesg | tail'
}

function resetHint(name: string, value: string): string {
  const module = value.split(' ').includes('device_specific')
    ? '; device_specific of vendor-reset needs that module first: modprobe vendor-reset'
    : ''
  return `dmesg | tail names the way that ${name} does not have now; 'echo default' to it shows those there are${module}`
}
