import { iommufdRequest } from '../../uapi/iommufd.ts'
import { request as requests } from '../../uapi/requests.ts'
import type { Clock } from '../base/clock.ts'
import { Errno } from '../base/errno.ts'
import type { Call, CallName, RequestName } from '../machine/machine-observer.ts'

/** Calls that a fault hits. */
export interface CallFilter {
  readonly call: CallName
  /** Only this request of ioctl. */
  readonly request?: RequestName
  /** Only if the path is this one, or matches: of a file, or of what is open ('/dev/vfio/vfio'). */
  readonly path?: string | RegExp
  /** The first of them that is hit, counted from now and from 1, which it is if absent. */
  readonly nth?: number
  /** Number of calls hit from there on; 1 if absent. */
  readonly times?: number
}

interface Rule {
  readonly filter: CallFilter
  readonly effect: () => void
  seen: number
}

/** Injects faults into a mock machine. */
export class Faults {
  readonly #clock: Clock
  readonly #rules = new Set<Rule>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The nth call of a kind fails with this errno, and does nothing. Returns how to take that back. */
  fail(filter: CallFilter, errno: string): () => void {
    return this.#add(filter, () => {
      throw new Errno(errno)
    })
  }

  /** The nth call of a kind takes this long: so much of the machine's time passes before it is done. */
  delay(filter: CallFilter, milliseconds: number): () => void {
    return this.#add(filter, () => this.#clock.advance(milliseconds))
  }

  /** Every call comes by here before it is done. */
  meet(call: Call): void {
    for (const rule of [...this.#rules]) {
      const { nth = 1, times = 1 } = rule.filter
      if (!matches(rule.filter, call)) continue
      rule.seen++
      if (rule.seen >= nth + times - 1) this.#rules.delete(rule)
      if (rule.seen >= nth) rule.effect()
    }
  }

  #add(filter: CallFilter, effect: () => void): () => void {
    const rule = { filter, effect, seen: 0 }
    this.#rules.add(rule)
    return () => {
      this.#rules.delete(rule)
    }
  }
}

const numbers: Readonly<Record<RequestName, number>> = { ...requests, ...iommufdRequest }

function matches(filter: CallFilter, call: Call): boolean {
  if (filter.call !== call.name) return false
  if (filter.request !== undefined && !isRequest(filter.request, call)) return false
  if (filter.path === undefined) return true
  if (call.path === undefined) return false
  return typeof filter.path === 'string' ? filter.path === call.path : filter.path.test(call.path)
}

/** Containers and devices have some numbers in common. */
function isRequest(name: RequestName, { request, path = '' }: Call): boolean {
  const isOfDevice = name.startsWith('VFIO_DEVICE_')
  const isDevice = path === 'anon_inode:[vfio-device]' || path.startsWith('/dev/vfio/devices/')
  return request === numbers[name] && isOfDevice === isDevice
}
