import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { readPhysicalFunctions } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { cardOf } from '../device/parents.ts'
import { isTypeNamed } from '../device/type-named.ts'
import { readDeviceTypes } from '../kinds/device-types.ts'
import { type MdevPlace, mdevPlaces, parentsOf } from '../kinds/mdev/mdev-places.ts'
import { isSriovGpu } from '../kinds/mdev/nvidia-gpu.ts'
import { findPlace } from '../kinds/mdev/type-choice.ts'
import { isVgpuPlace } from '../kinds/nvidia-vgpu/place.ts'
import { readVgpuFunctions } from '../kinds/nvidia-vgpu/vgpu-functions.ts'
import type { ChosenParents } from '../wanted/chosen-parents.ts'
import type { ParentChoice } from '../wanted/spec.ts'
import { choosePci, fitsPci, pciChoiceInWords } from './choose-pci.ts'

/** The parents of this host that a choice stands for, in the bus's order. NOT_FOUND where there is none. */
export function chooseParents(files: HostFiles, choice: ParentChoice): ChosenParents {
  if ('names' in choice) {
    const cards = choice.names.filter((name) => isVgpuPlace(files, name))
    const others = choice.names.filter((name) => !cards.includes(name))
    return { mdev: others.map((name) => findPlace(files, name)), vgpu: choosePci(files, { names: cards }) }
  }
  const places = mdevPlaces(files)
  const chosen = places.filter((place) => fits(files, place, choice))
  // functions that are named without their card
  const single = places
    .filter((place) => !chosen.includes(place))
    .flatMap(({ parents }) => parents.filter((parent) => cardOf(files, parent) !== parent))
    .map((parent) => ({ name: parent, parents: [parent] }))
    .filter((place) => fits(files, place, choice))
  const mdev = [...chosen, ...single].sort((a, b) => (a.name < b.name ? -1 : 1))
  const vgpu = vgpuCards(files).filter((card) => fits(files, { name: card, parents: [card] }, choice))
  if (mdev.length === 0 && vgpu.length === 0) {
    throw new VfioError('NOT_FOUND', `no parent of this host is ${inWords(choice)}`, { hint: 'vfioctl types' })
  }
  // a type that is found is of one kind
  return { mdev, vgpu: 'anyWith' in choice && mdev.length > 0 ? [] : vgpu }
}

/** Cards with vGPUs, or that could have them once they have virtual functions. */
function vgpuCards(files: HostFiles): PciAddress[] {
  const shown = readVgpuFunctions(files).functions.map(({ physfn }) => physfn)
  const others = readPhysicalFunctions(files)
    .functions.map(({ address }) => address)
    .filter((address) => isSriovGpu(files, address))
  return [...new Set([...shown, ...others])].filter((address) => parentsOf(files, address).length === 0).sort()
}

function fits(
  files: HostFiles,
  { name, parents }: MdevPlace,
  choice: Exclude<ParentChoice, { names: readonly string[] }>,
): boolean {
  if (!('anyWith' in choice)) return fitsPci(files, name, choice)
  return parents.some((parent) =>
    readDeviceTypes(files, { parent }).types.some((type) => isTypeNamed(type, choice.anyWith)),
  )
}

function inWords(choice: ParentChoice): string {
  return 'anyWith' in choice ? `one that offers ${choice.anyWith}` : pciChoiceInWords(choice)
}
