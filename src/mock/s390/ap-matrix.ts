/** Adapters and domains that a mediated device of vfio_ap has. */
export interface ApMatrix {
  readonly adapters: readonly number[]
  readonly domains: readonly number[]
  readonly controlDomains: readonly number[]
}

/** Keys of its parts among the attributes that the state keeps of the device. */
const keys = { adapters: 'ap adapters', domains: 'ap domains', controlDomains: 'ap control domains' } as const

/** The matrix that a device's attributes say. */
export function readMatrix(attributes: Readonly<Record<string, string>>): ApMatrix {
  const numbers = (key: string) => (attributes[key] ?? '').split(',').filter(Boolean).map(Number)
  return {
    adapters: numbers(keys.adapters),
    domains: numbers(keys.domains),
    controlDomains: numbers(keys.controlDomains),
  }
}

/** Puts a matrix into a device's attributes. */
export function writeMatrix(attributes: Record<string, string>, matrix: ApMatrix): void {
  const sorted = (numbers: readonly number[]) => [...new Set(numbers)].sort((a, b) => a - b).join(',')
  attributes[keys.adapters] = sorted(matrix.adapters)
  attributes[keys.domains] = sorted(matrix.domains)
  attributes[keys.controlDomains] = sorted(matrix.controlDomains)
}

/** The queues of the matrix: each adapter with each domain. */
export function apqns({ adapters, domains }: ApMatrix): (readonly [adapter: number, domain: number])[] {
  return adapters.flatMap((adapter) => domains.map((domain) => [adapter, domain] as const))
}

/**
 * As `matrix` and `guest_matrix` show it: a line for each queue; without domains the adapters alone, and the reverse.
 */
export function matrixText(matrix: ApMatrix): string {
  const { adapters, domains } = matrix
  const lines =
    adapters.length > 0 && domains.length > 0
      ? apqns(matrix).map(([adapter, domain]) => apqnName(adapter, domain))
      : [...adapters.map((adapter) => `${hex(adapter, 2)}.`), ...domains.map((domain) => `.${hex(domain, 4)}`)]
  return lines.map((line) => `${line}\n`).join('')
}

/** '05.001f' */
export function apqnName(adapter: number, domain: number): string {
  return `${hex(adapter, 2)}.${hex(domain, 4)}`
}

/** A number as AP names have it: so many hex digits. */
export function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}
