import { printable } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type BootLine, commandLineWords, linesOf, modprobeLines } from './boot-lines.ts'
import { earlyLoads, initramfsTools, type Loading, notLoadedLines } from './module-loading.ts'

/** A file for each device (its bus, a dash, its name), which holds a driver. */
export const driverctlFolder = '/etc/driverctl.d'
/** Drivers that take what an `ids` parameter names, as modules or built in. */
const idsParameter = /^(vfio[-_]pci|pci[-_]stub)\.ids=(\S+)/
const idsOption = /^\s*options\s+(vfio[-_]pci|pci[-_]stub)\s(?:.*\s)?ids=(\S+)/
/** A module of the initramfs, with its parameters. */
const idsModule = /^\s*(vfio[-_]pci|pci[-_]stub)\s(?:.*\s)?ids=(\S+)/

/** A driver that somebody else will give a device at the next boot, and the place that says so. */
export interface OtherBinding {
  readonly driver: string
  /** File and line: '/etc/modprobe.d/vfio.conf:3'. */
  readonly place: string
  /** A command or an instruction that takes it out. */
  readonly mend: string
}

/** Others that bind a device at the next boot: driverctl, modprobe's options, the kernel's command line. */
export function othersAtNextBoot(files: HostFiles, { bus, name }: BusDevice): OtherBinding[] {
  const isPci = bus === 'pci'
  const ofDriverctl = [`${bus}-${name}`, ...(isPci ? [name] : [])].flatMap((file): OtherBinding[] => {
    const driver = readOrEmpty(files, `${driverctlFolder}/${file}`).trim()
    const mend = `driverctl ${isPci ? '' : `-b ${bus} `}unset-override ${name}`
    return driver === '' ? [] : [{ driver: printable(driver), place: `${driverctlFolder}/${file}:1`, mend }]
  })
  return isPci ? [...ofDriverctl, ...othersById(files, name)] : ofDriverctl
}

/** Of the PCI drivers that take what they are told to by its ids. */
function othersById(files: HostFiles, address: string): OtherBinding[] {
  const { vendor, device } = readPciIds(files, address, [])
  const isIts = (ids: string) => ids.split(',').some((id) => fits(id, vendor, device))
  const earlyOf = new Map<string, string>()
  const ofIds = (lines: readonly BootLine[], pattern: RegExp, where: (driver: string) => string) =>
    lines.flatMap(({ text, place }): OtherBinding[] => {
      const [, name, ids] = pattern.exec(text) ?? []
      if (name === undefined || ids === undefined || !isIts(ids)) return []
      const driver = name.replace('_', '-')
      const early = earlyOf.get(driver) ?? earlyInWords(files, driver)
      earlyOf.set(driver, early)
      return [{ driver, place, mend: `take it out of ${where(driver)}${early}` }]
    })
  const words = commandLineWords(files).map((text) => ({ text, place: '/proc/cmdline:1' }))
  return [
    ...ofIds(modprobeLines(files), idsOption, () => 'ids= there'),
    ...ofIds(linesOf(files, initramfsTools), idsModule, () => 'ids= there'),
    ...ofIds(words, idsParameter, (driver) => `${driver}.ids= of the kernel's command line`),
  ]
}

/** The commands that make a change of that file count, and the lines that load the driver early; '' if none. */
function earlyInWords(files: HostFiles, driver: string): string {
  const loads = earlyLoads(files, busNamed('pci'), driver)
  if (loads.length === 0) return ''
  const after = [...new Set(loads.flatMap(({ after }) => after ?? []))].map((command) => `, then ${command}`).join('')
  return `${after}; ${driver} is loaded early, by ${loads.map(({ place }) => place).join(', ')}`
}

/**
 * A line for each that undoes what was asked for: that `wanted` gets it, or with null that it goes back to `native`.
 */
export function nextBootLines(
  files: HostFiles,
  device: BusDevice,
  wanted: string | null,
  native: string | null = null,
): string[] {
  const others = othersAtNextBoot(files, device)
    .filter(({ driver }) => driver !== wanted)
    .map(
      ({ driver, place, mend }) =>
        `at the next boot ${driver} may get ${shownDevice(device)} all the same, by ${place}: ${mend}`,
    )
  const loading: Loading = wanted === null ? 'by itself' : 'by name'
  const driver = wanted ?? native
  return driver === null ? others : [...others, ...notLoadedLines(files, busNamed(device.bus), driver, loading)]
}

/** 'VENDOR:DEVICE' in hex, perhaps with more behind; ffffffff is any. */
function fits(id: string, vendor: string | null, device: string | null): boolean {
  const [itsVendor = '', itsDevice = ''] = id.toLowerCase().replace(/^"|"$/g, '').split(':')
  const isSame = (one: string, other: string | null) =>
    one === 'ffffffff' || (other !== null && one.replace(/^0x/, '').padStart(4, '0') === other.slice(2))
  return itsVendor !== '' && isSame(itsVendor, vendor) && isSame(itsDevice, device)
}
