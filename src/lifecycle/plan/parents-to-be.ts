import { pciAddressOrNull } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { parentsOf } from '../kinds/mdev/mdev-places.ts'
import { isSriovGpu } from '../kinds/mdev/nvidia-gpu.ts'
import { chooseParents } from '../spec/choose-parents.ts'
import type { ChosenParents } from '../wanted/chosen-parents.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { SpecParent } from '../wanted/spec.ts'

/**
 * The parents that a choice stands for once a file's virtual functions are there. INVALID_SPEC if it names a function that
 * will not be there by the same file.
 */
export function parentsToBe(
  files: HostFiles,
  path: string,
  { choice, at }: Pick<SpecParent, 'choice' | 'at'>,
  future: FutureFunctions,
): ChosenParents {
  if (!('names' in choice)) return chooseParents(files, choice)
  const coming = choice.names.flatMap((name) => {
    const address = pciAddressOrNull(name)
    if (address === null) return []
    const excluding = future.exclusionOf(address)
    if (excluding !== null) {
      const { device: card, count } = excluding
      const what = count === 0 ? 'no virtual functions' : `the first ${count} virtual functions alone`
      throw invalidSpec(path, address, `parents ask for what it carries, and sriov gives ${card} ${what}`, at)
    }
    const card = future.cardOf(address)
    const isParent = parentsOf(files, address).length > 0
    return card === null || isParent || !isSriovGpu(files, card) ? [] : [{ name, address }]
  })
  const names = choice.names.filter((name) => !coming.some((it) => it.name === name))
  const there = names.length === 0 ? { mdev: [], vgpu: [] } : chooseParents(files, { names })
  return { mdev: there.mdev, vgpu: [...there.vgpu, ...coming.map(({ address }) => address)] }
}
