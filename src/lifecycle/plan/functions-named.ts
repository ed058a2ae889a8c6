import { VfioError } from '../../base/errors.ts'
import { counted, type PciAddress, parsePciAddress } from '../../base/units.ts'
import { findPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import type { FunctionChoice } from '../wanted/spec.ts'

/**
 * The virtual functions that a card has once the file's numbers hold, by their own numbers. NOT_FOUND for a number that
 * it will not have, or if it will have none; NOT_SUPPORTED for a card without SR-IOV.
 */
export function functionsNamed(
  files: HostFiles,
  { card: name, virtfn }: FunctionChoice,
  future: FutureFunctions,
): PciAddress[] {
  const card = parsePciAddress(name)
  const there = future.of(card) ?? findPhysicalFunction(files, card).functions
  const missing = virtfn === null ? (there.length === 0 ? 0 : undefined) : virtfn.find((it) => it >= there.length)
  if (missing === undefined) return (virtfn ?? [...there.keys()]).flatMap((it) => there[it] ?? [])
  throw new VfioError(
    'NOT_FOUND',
    `${card} has no virtfn${missing}: it has ${counted(there.length, 'virtual function')}`,
    {
      hint: `vfioctl sriov ${card} COUNT, or \`sriov\` of a parent in this file`,
      facts: { card, virtfn: missing, count: there.length },
    },
  )
}
