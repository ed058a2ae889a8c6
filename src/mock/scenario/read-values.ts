import * as v from 'valibot'
import { pciAddressOrNull } from '../../base/units.ts'

/** Of a driver, a module, a parent, a type. */
export const name: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.regex(/^[\w][\w.:+ -]{0,99}$/, 'a name of letters, digits and . : + - _'),
)
/** '0x' and so many hex digits. */
export const id = (digits: number): v.GenericSchema<string> =>
  v.pipe(v.string(), v.regex(new RegExp(`^0x[0-9a-f]{${digits}}$`), `0x and ${digits} digits`))
/** '0000:3b:00.0' */
export const address: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.check((text) => pciAddressOrNull(text) === text, 'a PCI address in its long form'),
)
/** A whole number from 0 on. */
export const count: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
/** A whole number from 1 on. */
export const positive: v.GenericSchema<number> = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

/** Bytes of a BAR or ROM. */
export const powerOfTwo: v.GenericSchema<number> = v.pipe(
  positive,
  v.minValue(16),
  v.maxValue(2 ** 30),
  v.check((size) => Number.isInteger(Math.log2(size)), 'a power of two'),
)

/** Schema of one device's share of its parent's capacity. */
export const uses: v.GenericSchema<Record<string, number>> = v.pipe(
  v.record(name, positive),
  v.check((resources) => Object.keys(resources).length > 0, 'at least one resource'),
)
