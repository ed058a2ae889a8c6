import type { PciAddress } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { readPciIds } from './pci-ids.ts'

/** True if it is a GPU of NVIDIA's, whose driver can make vGPUs of it or of its virtual functions. */
export function isNvidiaGpu(files: HostFiles, address: PciAddress): boolean {
  const { vendor, class: kind } = readPciIds(files, address, [])
  return vendor === '0x10de' && kind?.startsWith('0x03') === true
}

/** True if NVIDIA's tools count it among the GPUs: a VGA or 3D controller. */
export function isGpu(files: HostFiles, address: PciAddress): boolean {
  const { vendor, class: kind } = readPciIds(files, address, [])
  return vendor === '0x10de' && (kind === '0x030000' || kind === '0x030200')
}

/**
 * True if this GPU's driver makes virtual functions of it: from the GA100 on, by the device ids of the chips. A Turing
 * card such as a T4 advertises SR-IOV too, and its vGPUs are mediated devices of the card itself.
 */
export function isSriovGpu(files: HostFiles, address: PciAddress): boolean {
  const id = Number(readPciIds(files, address, []).device ?? Number.NaN)
  const isOlder = id < 0x2080 || (id >= 0x2180 && id <= 0x21ff)
  return isNvidiaGpu(files, address) && !isOlder
}

/** True if a driver hands out a GPU or its virtual functions as they are, or uses it otherwise: it makes no vGPUs. */
export function makesNoVgpus(driver: string | null): boolean {
  return driver === null || driver === 'pci-pf-stub' || driver === 'nouveau' || driver.startsWith('vfio')
}
