import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { functionAddresses, pciPath, physicalFunctionOf } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/**
 * DEVICE_BUSY if a card has no virtual functions, and functions of it are there. They are left of before it was taken
 * out and found again, as nvme's driver leaves them; Linux stops at once (BUG in pci_iov_add_virtfn) if told to make
 * them once more.
 */
export function checkNoneLeftOver(files: HostFiles, card: PciAddress, count: number): void {
  const left = functionAddresses(files, card, count).filter((it) => physicalFunctionOf(files, it) === card)
  if (left.length === 0) return
  const what = `${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} left of ${card} as it was before it was taken out`
  throw new VfioError('DEVICE_BUSY', `${what}: Linux would crash if it had to make functions there`, {
    hint: `for each: echo 1 > ${pciPath(left[0] ?? card)}/remove`,
    facts: { card, left },
  })
}
