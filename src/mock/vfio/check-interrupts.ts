import { Errno } from '../base/errno.ts'
import type { Machine } from '../machine/machine.ts'
import { moduleParameter } from '../state/module-parameters.ts'

/** EPERM where a device could raise interrupts that are not its own, and the module was not told to allow that. */
export function checkInterrupts(
  { scenario, store }: Pick<Machine, 'scenario' | 'store'>,
  module: 'vfio_iommu_type1' | 'iommufd',
): void {
  if (scenario.isolatesInterrupts !== false) return
  if (moduleParameter(scenario, store.read(), module, 'allow_unsafe_interrupts') !== 'Y') throw new Errno('EPERM')
}
