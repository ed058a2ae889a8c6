import * as v from 'valibot'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import type { PciChoice } from '../wanted/spec.ts'
import { knownKeys } from './known-keys.ts'

const hexId = v.pipe(
  v.string('must be four hex digits in quotes'),
  v.transform((id) => id.toLowerCase().replace(/^0x/, '')),
  v.regex(/^[0-9a-f]{4}$/, 'must be four hex digits in quotes'),
  v.metadata({ pattern: '^(0[xX])?[0-9a-fA-F]{4}$' }),
)

/** A PCI address, with or without its domain. */
export const pciAddress: v.GenericSchema<string, PciAddress> = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const found = pciAddressOrNull(dataset.value)
    if (found !== null) return found
    addIssue({ message: 'must be a PCI address' })
    return NEVER
  }),
  v.metadata({ pattern: '[0-9a-fA-F]{2}[:_][01][0-9a-fA-F][._][0-7]$' }),
)

/** The ways to name PCI devices: an address or a range, a list of addresses, or ids of vendor and device. */
export const pciChoices: readonly v.GenericSchema<unknown, PciChoice>[] = [
  v.pipe(
    v.string(),
    v.nonEmpty(),
    v.transform((text): PciChoice => rangeOf(text) ?? { names: [text] }),
  ),
  v.pipe(
    v.array(v.pipe(v.string(), v.nonEmpty())),
    v.minLength(1),
    v.transform((names): PciChoice => ({ names })),
  ),
  v.pipe(
    knownKeys({
      vendor: v.pipe(hexId, v.description('All devices of this vendor: four hex digits in quotes.')),
      device: v.pipe(v.optional(hexId), v.description('Only those with this device id: four hex digits in quotes.')),
    }),
    v.transform(({ vendor, device }): PciChoice => ({ vendor, device: device ?? null })),
  ),
]

/** Devices from one address to another, or all functions of a slot; null if it is neither. */
function rangeOf(text: string): PciChoice | null {
  const functions = /^(.+)\.\*$/.exec(text)?.[1]
  const [, from, to] =
    /^([0-9a-fA-F:.]+)-([0-9a-fA-F:.]+)$/.exec(functions === undefined ? text : `${functions}.0-${functions}.7`) ?? []
  const [first, last] = [pciAddressOrNull(from ?? ''), pciAddressOrNull(to ?? '')]
  return first === null || last === null ? null : { from: first, to: last }
}
