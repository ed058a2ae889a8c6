import { VfioError } from '../base/errors.ts'
import { failedWith } from '../base/system-error.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { type GimPartitions, gimDriver, readGimPartitions } from './amd-gim.ts'
import { boundDriver } from './group-members.ts'
import { checkOnPciBus, pciAddresses, pciDevices } from './pci-bus.ts'
import { linkedName } from './sysfs/links.ts'
import { readOrNull } from './sysfs/readable.ts'
import { readOrWarn, unreadable, type Warning } from './warning.ts'

/** The numbers of a physical function, which are read without a look at each of its virtual ones. */
export type SriovNumbers = Omit<PhysicalFunction, 'functions' | 'partitions'>

/** A physical function that can have virtual ones: single root I/O virtualization. */
export interface PhysicalFunction {
  readonly address: PciAddress
  readonly driver: string | null
  /** The numbers of virtual functions that it can have and that it has: `sriov_totalvfs` and `sriov_numvfs`. */
  readonly total: number
  readonly count: number
  /**
   * True if the host's drivers take its virtual functions as they appear: `sriov_drivers_autoprobe`. Null if the kernel
   * does not say (before 4.12).
   */
  readonly autoprobe: boolean | null
  /** Those that are there, in the order of their numbers. */
  readonly functions: readonly PciAddress[]
  /** The division of its GPU among them by AMD's driver gim; absent of any other card. */
  readonly partitions?: GimPartitions
}

/** Filter for the physical functions to show; all if empty. */
export interface PhysicalFunctionFilter {
  /** Its PCI address, long or short. */
  readonly device?: string
}

/** The folder of a PCI device in sysfs. */
export function pciPath(address: PciAddress): string {
  return `${pciDevices}/${address}`
}

/**
 * Every physical function that can have virtual ones, or the one that is named. What cannot be read is a warning, and
 * the rest goes on.
 */
export function readPhysicalFunctions(
  files: HostFiles,
  { device }: PhysicalFunctionFilter = {},
): { functions: PhysicalFunction[]; warnings: Warning[] } {
  if (device !== undefined) return { functions: [findPhysicalFunction(files, device)], warnings: [] }
  const warnings: Warning[] = []
  const functions = pciAddresses(files, warnings).flatMap((address) => {
    return readOrWarn(pciPath(address), warnings, null, () => readPhysicalFunction(files, address, warnings)) ?? []
  })
  return { functions, warnings }
}

/** One by its address. NOT_FOUND if there is no such device, NOT_SUPPORTED if it cannot have virtual functions. */
export function findPhysicalFunction(files: HostFiles, device: string): PhysicalFunction {
  const address = pciAddressOrNull(device)
  const found = address === null ? null : readPhysicalFunction(files, address)
  if (found !== null) return found
  if (address === null) {
    throw new VfioError('NOT_FOUND', `there is no PCI device '${printable(device)}'`, { hint: 'vfioctl sriov' })
  }
  checkOnPciBus(files, address)
  const above = physicalFunctionOf(files, address)
  const because = above === null ? 'it has no SR-IOV' : `it is a virtual function itself, of ${above}`
  throw new VfioError('NOT_SUPPORTED', `${address} cannot have virtual functions: ${because}`, {
    hint: above === null ? 'vfioctl sriov shows what can' : `vfioctl sriov ${above} COUNT`,
    facts: { device: address },
  })
}

/** Null for a device that is not there, that has no SR-IOV, or whose numbers make no sense: that with a warning. */
export function readPhysicalFunction(
  files: HostFiles,
  address: PciAddress,
  warnings: Warning[] = [],
): PhysicalFunction | null {
  const numbers = readSriovNumbers(files, address, warnings)
  if (numbers === null) return null
  const path = pciPath(address)
  const partitions = numbers.driver === gimDriver ? readGimPartitions(files, path, warnings) : null
  return {
    ...numbers,
    functions: numbers.count === 0 ? [] : virtualFunctions(files, path, warnings),
    ...(partitions === null ? {} : { partitions }),
  }
}

/** The same without the list of its functions. */
export function readSriovNumbers(files: HostFiles, address: PciAddress, warnings: Warning[] = []): SriovNumbers | null {
  const path = pciPath(address)
  const total = readCount(files, `${path}/sriov_totalvfs`, warnings)
  if (total === null || total === 0) return null
  const count = readCount(files, `${path}/sriov_numvfs`, warnings)
  if (count === null) return null
  return {
    address,
    driver: boundDriver(files, `${path}/driver`),
    total,
    count,
    autoprobe: readAutoprobe(files, path),
  }
}

function readAutoprobe(files: HostFiles, path: string): boolean | null {
  const text = readOrNull(files, `${path}/sriov_drivers_autoprobe`)?.trim()
  return text === '0' || text === '1' ? text === '1' : null
}

/** The physical function that a virtual one belongs to; null for what is none. */
export function physicalFunctionOf(files: HostFiles, address: PciAddress): PciAddress | null {
  return linkedAddress(files, `${pciPath(address)}/physfn`)
}

function virtualFunctions(files: HostFiles, path: string, warnings: Warning[]): PciAddress[] {
  return readOrWarn(path, warnings, [], () =>
    files
      .list(path)
      .flatMap((name) => /^virtfn(\d{1,5})$/.exec(name)?.[1] ?? [])
      .sort((a, b) => Number(a) - Number(b))
      .flatMap((index) => linkedAddress(files, `${path}/virtfn${index}`) ?? []),
  )
}

/** The kernel prints '%u' of 16 bits. */
function readCount(files: HostFiles, path: string, warnings: Warning[]): number | null {
  try {
    const text = files.read(path).trim()
    if (/^\d{1,5}$/.test(text) && Number(text) <= 0xffff) return Number(text)
    warnings.push({ path, message: `says '${printable(text)}', which is not a number of virtual functions` })
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR')) warnings.push(unreadable(path, error))
  }
  return null
}

function linkedAddress(files: HostFiles, path: string): PciAddress | null {
  return pciAddressOrNull(linkedName(files, path) ?? '')
}

/**
 * The addresses of the first so many virtual functions, which are there or will be: routing ids are counted through
 * functions, devices and buses (`sriov_offset`, `sriov_stride`). None if the device does not say.
 */
export function functionAddresses(files: HostFiles, address: PciAddress, count: number): PciAddress[] {
  const routing = readRouting(files, address)
  if (routing === null) return []
  const { domain, first, stride } = routing
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  return Array.from({ length: count }, (_, index) => first + index * stride).flatMap((id) => {
    return pciAddressOrNull(`${domain}:${hex(id >>> 8)}:${hex((id >>> 3) & 0x1f)}.${id & 7}`) ?? []
  })
}

/** A virtual function's number, from 1 on, whether it is there or not. Null for what is none that the card can have. */
export function functionNumber(files: HostFiles, card: SriovNumbers, address: PciAddress): number | null {
  const routing = readRouting(files, card.address)
  if (routing === null || domainOf(address) !== routing.domain) return null
  const index = (routingId(address) - routing.first) / (routing.stride || 1)
  return Number.isInteger(index) && index >= 0 && index < card.total ? index + 1 : null
}

/** The routing id of a card's first virtual function, and the step to the next. */
function readRouting(files: HostFiles, card: PciAddress) {
  const offset = readCount(files, `${pciPath(card)}/sriov_offset`, [])
  const stride = readCount(files, `${pciPath(card)}/sriov_stride`, [])
  return offset === null || stride === null ? null : { domain: domainOf(card), first: routingId(card) + offset, stride }
}

function domainOf(address: PciAddress): string {
  return address.split(':', 1)[0] ?? ''
}

/** Bus, device and function in one number. */
function routingId(address: PciAddress): number {
  const [, bus = '', device = '', fn = ''] = address.split(/[:.]/)
  return Number.parseInt(bus, 16) * 256 + Number.parseInt(device, 16) * 8 + Number(fn)
}
