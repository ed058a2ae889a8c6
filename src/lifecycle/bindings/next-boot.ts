import { type PciAddress, printable } from '../../base/units.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** Where modprobe reads its settings; driverctl's are a file for each device (its bus, a dash, its name), which holds a driver. */
const modprobeFolders = [
  '/etc/modprobe.d',
  '/run/modprobe.d',
  '/usr/local/lib/modprobe.d',
  '/usr/lib/modprobe.d',
  '/lib/modprobe.d',
]
const driverctlFolder = '/etc/driverctl.d'
/** Drivers that take what an `ids` parameter names, as modules or built in. */
const idsParameter = /(?:^|\s)(vfio[-_]pci|pci[-_]stub)\.ids=(\S+)/g
const idsOption = /^\s*options\s+(vfio[-_]pci|pci[-_]stub)\s(?:.*\s)?ids=(\S+)/

/** A driver that somebody else will give a device at the next boot, and the place that says so. */
export interface OtherBinding {
  readonly driver: string
  /** File and line: '/etc/modprobe.d/vfio.conf:3'. */
  readonly place: string
  /** What takes it out. */
  readonly mend: string
}

/** Who else binds a device at the next boot: driverctl, modprobe's options, the kernel's command line. */
export function othersAtNextBoot(files: HostFiles, address: PciAddress): OtherBinding[] {
  const { vendor, device } = readPciIds(files, address, [])
  const isIts = (ids: string) => ids.split(',').some((id) => fits(id, vendor, device))
  const ofDriverctl = [`pci-${address}`, address].flatMap((name): OtherBinding[] => {
    const driver = textOf(files, `${driverctlFolder}/${name}`)?.trim() ?? ''
    const mend = `driverctl unset-override ${address}`
    return driver === '' ? [] : [{ driver: printable(driver), place: `${driverctlFolder}/${name}:1`, mend }]
  })
  const commandLine = textOf(files, '/proc/cmdline') ?? ''
  const ofKernel = [...commandLine.matchAll(idsParameter)].flatMap(([, driver = '', ids = '']): OtherBinding[] => {
    if (!isIts(ids)) return []
    const name = driver.replace('_', '-')
    return [
      { driver: name, place: '/proc/cmdline:1', mend: `take it out of ${name}.ids= of the kernel's command line` },
    ]
  })
  return [...ofDriverctl, ...modprobeFolders.flatMap((folder) => ofModprobe(files, folder, isIts)), ...ofKernel]
}

/** A line for each that undoes what was asked for: another driver than `wanted`, or with null any. */
export function nextBootLines(files: HostFiles, address: PciAddress, wanted: string | null): string[] {
  return othersAtNextBoot(files, address)
    .filter(({ driver }) => driver !== wanted)
    .map(
      ({ driver, place, mend }) => `at the next boot ${driver} may get ${address} all the same, by ${place}: ${mend}`,
    )
}

function ofModprobe(files: HostFiles, folder: string, isIts: (ids: string) => boolean): OtherBinding[] {
  return namesIn(files, folder)
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .flatMap((name) => {
      const path = `${folder}/${name}`
      const lines = textOf(files, path)?.split('\n') ?? []
      return lines.flatMap((line, index): OtherBinding[] => {
        const [, driver, ids] = idsOption.exec(line.slice(0, 4096)) ?? []
        if (driver === undefined || ids === undefined || !isIts(ids)) return []
        return [{ driver: driver.replace('_', '-'), place: `${path}:${index + 1}`, mend: 'take it out of ids= there' }]
      })
    })
}

/** 'VENDOR:DEVICE' in hex, perhaps with more behind; ffffffff is any. */
function fits(id: string, vendor: string | null, device: string | null): boolean {
  const [itsVendor = '', itsDevice = ''] = id.toLowerCase().replace(/^"|"$/g, '').split(':')
  const isSame = (one: string, other: string | null) =>
    one === 'ffffffff' || (other !== null && one.replace(/^0x/, '').padStart(4, '0') === other.slice(2))
  return itsVendor !== '' && isSame(itsVendor, vendor) && isSame(itsDevice, device)
}

function textOf(files: HostFiles, path: string): string | null {
  try {
    return files.kind(path) === null ? null : files.read(path)
  } catch {
    // this only tells of others: what cannot be read says nothing
    return null
  }
}

function namesIn(files: HostFiles, folder: string): string[] {
  try {
    return files.kind(folder) === null ? [] : files.list(folder)
  } catch {
    return []
  }
}
