import { failedWith } from '../../../base/system-error.ts'
import type { Uuid } from '../../../base/units.ts'
import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Write } from '../../change/change.ts'
import type { RefusalReason } from '../../device/mig.ts'
import { mdevPath, readMdevDevices } from './mdev-devices.ts'

const bus = '/sys/bus/ap'

/** Queues of crypto cards: each adapter with each domain. */
interface Matrix {
  readonly adapters: readonly number[]
  readonly domains: readonly number[]
}

/**
 * The reason why vfio_ap refused an adapter or a domain, found by looking: EADDRNOTAVAIL for a queue that the masks of
 * the bus keep for the host, EADDRINUSE (EBUSY on newer kernels) for one that another mediated device has, ENODEV for a
 * number that the machine does not have. Null if nothing of that is to be seen. Source:
 * drivers/s390/crypto/vfio_ap_ops.c.
 */
export function apRefusal(files: HostFiles, uuid: Uuid, { path, value }: Write, cause: unknown): RefusalReason | null {
  const [, part] = /\/assign_(adapter|domain|control_domain)$/.exec(path) ?? []
  const number = idOf(value)
  if (part === undefined || number === null) return null
  if (failedWith(cause, 'ENODEV')) return beyond(files, part, number)
  if (part === 'control_domain') return null
  const own = readMatrix(files, uuid)
  const asked =
    part === 'adapter' ? { adapters: [number], domains: own.domains } : { adapters: own.adapters, domains: [number] }
  if (failedWith(cause, 'EADDRNOTAVAIL')) return keptForHost(files, asked)
  return failedWith(cause, 'EADDRINUSE', 'EBUSY') ? another(files, uuid, asked) : null
}

function beyond(files: HostFiles, part: string, number: number): RefusalReason | null {
  const file = `${bus}/ap_max_${part === 'adapter' ? 'adapter' : 'domain'}_id`
  const most = readOrEmpty(files, file).trim()
  if (!/^\d{1,3}$/.test(most) || number <= Number(most)) return null
  return { why: `the highest number of this machine is ${most} (${file})`, hint: 'lszcrypt -V' }
}

function keptForHost(files: HostFiles, asked: Matrix): RefusalReason | null {
  const adapters = maskBits(readOrEmpty(files, `${bus}/apmask`))
  const domains = maskBits(readOrEmpty(files, `${bus}/aqmask`))
  const [first, ...more] = queues(asked).filter(([adapter, domain]) => adapters.has(adapter) && domains.has(domain))
  if (first === undefined) return null
  const [adapter, domain] = first
  return {
    why: `${counted(first, more.length)} kept for the host by ${bus}/apmask and aqmask`,
    hint: `echo -${adapter} > ${bus}/apmask gives the adapter to vfio_ap, echo -${domain} > ${bus}/aqmask the domain; chzdev keeps it`,
  }
}

function another(files: HostFiles, uuid: Uuid, asked: Matrix): RefusalReason | null {
  for (const other of readMdevDevices(files).devices) {
    if (other.uuid === uuid) continue
    const { adapters, domains } = readMatrix(files, other.uuid)
    const [first, ...more] = queues(asked).filter(([adapter, domain]) => {
      return adapters.includes(adapter) && domains.includes(domain)
    })
    if (first === undefined) continue
    return {
      why: `${counted(first, more.length)} with ${other.uuid}`,
      hint: `vfioctl stop ${other.uuid} frees what it has`,
    }
  }
  return null
}

/** The file `matrix`: a line for each queue, '05.0004'; '05.' and '.0004' while there is none of the other. */
function readMatrix(files: HostFiles, uuid: Uuid): Matrix {
  const lines = readOrEmpty(files, `${mdevPath(uuid)}/matrix`).matchAll(/^([0-9a-f]{2})?\.([0-9a-f]{4})?$/gm)
  const found = [...lines]
  const numbers = (at: number) =>
    [...new Set(found.flatMap((line) => line[at] ?? []))].map((it) => Number.parseInt(it, 16))
  return { adapters: numbers(1), domains: numbers(2) }
}

function queues({ adapters, domains }: Matrix): [adapter: number, domain: number][] {
  return adapters.flatMap((adapter) => domains.map((domain): [number, number] => [adapter, domain]))
}

/** Bit 0 is the leftmost of '0x' and 64 digits. */
function maskBits(text: string): Set<number> {
  const digits = /^0x([0-9a-f]{64})$/i.exec(text.trim())?.[1] ?? ''
  return new Set(
    [...digits].flatMap((digit, at) => {
      const bits = Number.parseInt(digit, 16)
      return [0, 1, 2, 3].filter((bit) => (bits & (8 >> bit)) !== 0).map((bit) => at * 4 + bit)
    }),
  )
}

/** A number as the driver reads it: 0x for hexadecimal, 0 for octal. */
function idOf(text: string): number | null {
  const [, hex, octal, decimal] = /^(?:0x([0-9a-f]{1,4})|0([0-7]{1,5})|(\d{1,5}))$/i.exec(text.trim()) ?? []
  if (hex !== undefined) return Number.parseInt(hex, 16)
  if (octal !== undefined) return Number.parseInt(octal, 8)
  return decimal === undefined ? null : Number(decimal)
}

function counted([adapter, domain]: readonly [number, number], more: number): string {
  const name = `${adapter.toString(16).padStart(2, '0')}.${domain.toString(16).padStart(4, '0')}`
  return more === 0 ? `queue ${name} is` : `queue ${name} and ${more} more are`
}
