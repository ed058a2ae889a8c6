import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../../../base/units.ts'
import { boundDriver } from '../../../host/group-members.ts'
import { isSriovGpu, makesNoVgpus } from '../../../host/nvidia-gpu.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import {
  pciPath,
  physicalFunctionOf,
  readPhysicalFunction,
  readPhysicalFunctions,
  readSriovNumbers,
} from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { parentsOf } from '../mdev/mdev-places.ts'
import { readVgpuFunction, readVgpuFunctions, type VgpuFunction } from './vgpu-functions.ts'

/** A place for a vGPU: a card, and all of its functions or the one that was named. */
export interface VgpuPlace {
  readonly card: PciAddress
  readonly functions: readonly VgpuFunction[]
}

/** True if a parent's name stands for a card with vendor vGPUs, or one that could have them, or a function of one. */
export function isVgpuPlace(files: HostFiles, parent: string): boolean {
  const address = pciAddressOrNull(parent)
  if (address === null || parentsOf(files, address).length > 0) return false
  if (readVgpuFunction(files, address) !== null || readVgpuFunctions(files, address).functions.length > 0) return true
  const card = physicalFunctionOf(files, address) ?? address
  return readSriovNumbers(files, card) !== null && isSriovGpu(files, card)
}

/** Cards with vGPUs, or that could have them once they have virtual functions. */
export function vgpuCards(files: HostFiles): PciAddress[] {
  const shown = readVgpuFunctions(files).functions.map(({ physfn }) => physfn)
  const others = readPhysicalFunctions(files)
    .functions.map(({ address }) => address)
    .filter((address) => isSriovGpu(files, address))
  return [...new Set([...shown, ...others])].filter((address) => parentsOf(files, address).length === 0).sort()
}

/** The place by the address of a card or of one of its functions. If there is none, the error says why. */
export function findVgpuPlace(files: HostFiles, parent: string): VgpuPlace {
  const address = pciAddressOrNull(parent)
  if (address === null) throw notThere(parent)
  const one = readVgpuFunction(files, address)
  if (one !== null) return { card: one.physfn, functions: [one] }
  const { functions } = readVgpuFunctions(files, address)
  if (functions.length > 0) return { card: address, functions }
  throw whyNoVgpus(files, address)
}

function notThere(parent: string): VfioError {
  return new VfioError('NOT_FOUND', `there is no PCI device '${printable(parent)}'`, {
    hint: 'vfioctl types, vfioctl sriov',
    facts: { parent: printable(parent) },
  })
}

/**
 * The reason why a device offers no vGPUs, found by looking: not there, no virtual functions, a wrong driver, a wrong
 * mode. Of a function that is not there, its card says it.
 */
export function whyNoVgpus(files: HostFiles, address: PciAddress, parent?: PciAddress): VfioError {
  if (files.kind(pciPath(address)) === null) {
    if (parent !== undefined && files.kind(pciPath(parent)) !== null) return whyNoVgpus(files, parent)
    checkOnPciBus(files, address)
  }
  const card = readPhysicalFunction(files, physicalFunctionOf(files, address) ?? address)
  if (card === null) {
    return notSupported(address, 'it is neither a card with virtual functions nor one of those', 'vfioctl types')
  }
  if (card.count === 0 && makesNoVgpus(card.driver)) {
    const its = card.driver === null ? 'no driver has the card' : `the driver ${card.driver} makes none`
    return notSupported(address, `${its}; NVIDIA's vGPU host driver does`, `vfioctl groups; lspci -ks ${card.address}`)
  }
  if (card.count === 0) {
    const hint = `vfioctl sriov ${card.address} ${card.total}`
    return notSupported(address, 'vGPUs are made of virtual functions, and the card has none yet', hint)
  }
  const looked = card.functions.find((it) => it === address) ?? card.functions[0]
  const driver = looked === undefined ? null : boundDriver(files, `${pciPath(looked)}/driver`)
  if (driver === null) {
    const bind = card.driver === null ? 'is its driver loaded? lsmod' : `echo ${looked} > /sys/bus/pci/drivers_probe`
    return notSupported(address, `no driver has its virtual function ${looked}`, bind)
  }
  if (driver !== card.driver && driver.startsWith('vfio')) {
    const what = `its virtual function ${looked} is with ${driver}, as a whole, and not with the driver of its card`
    return notSupported(
      address,
      what,
      `echo > ${pciPath(looked ?? address)}/driver_override, and bind it to ${card.driver}`,
    )
  }
  return notSupported(
    address,
    `the driver ${driver} shows no vGPU types for ${looked}: no vGPU host driver, or the card is in another mode`,
    "nvidia-smi -q | grep 'Host VGPU Mode' (it has to be SR-IOV); dmesg | tail",
  )
}

function notSupported(address: PciAddress, because: string, hint: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `${address} offers no vGPUs: ${because}`, { hint, facts: { device: address } })
}
