import { existsSync } from 'node:fs'
import { contractKernel, isLinuxBefore } from './kernel.ts'

/** Bytes of a page of the kernel under test, and of a huge page. */
const facts = kernelFacts()
export const page: number = facts.page
export const hugePage: number = facts.hugePage

/** The same as `page`, to count addresses with. */
export const pageBytes = BigInt(page)

function kernelFacts(): { readonly page: number; readonly hugePage: number; readonly isOlder: boolean } {
  const { kernel } = contractKernel()
  const isOlder = isLinuxBefore({ kernel }, 7, 0)
  kernel.dispose()
  return { page: kernel.pageSize, hugePage: kernel.hugePageSize, isOlder }
}

interface IommuFacts {
  /** The addresses that it translates. */
  readonly ranges: readonly { readonly first: bigint; readonly last: bigint }[]
  /** An address where interrupts are written. */
  readonly interrupts: bigint
  /** The first address past those of the IOMMU's; null if it has all of 64 bits. */
  readonly end: bigint | null
  /** A bit for each size of its pages that the kernel uses. */
  readonly pageSizes: bigint
  /** The errno of a container's type for nested translation, while Linux knows it. */
  readonly nested: 'EINVAL' | 'EPERM'
}

/** An Intel IOMMU of 39 bits; the processor has the interrupts' addresses for itself. */
const intel: IommuFacts = {
  ranges: [
    { first: 0n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
  ],
  interrupts: 0xfee0_0000n,
  end: 1n << 39n,
  pageSizes: (0x4020_0000n & -pageBytes) | pageBytes,
  nested: 'EINVAL',
}

/** AMD's, which has all of 64 bits but for what HyperTransport needs. */
const amd: IommuFacts = {
  ranges: [
    { first: 0n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: 0xfc_ffff_ffffn },
    { first: 0x100_0000_0000n, last: 0xffff_ffff_ffff_ffffn },
  ],
  interrupts: 0xfee0_0000n,
  end: null,
  pageSizes: 0xffff_ffff_ffff_f000n,
  nested: 'EINVAL',
}

/** QEMU's virtio-iommu, which is as wide as Intel's there and has pages of any size. */
const virtio: IommuFacts = { ...intel, pageSizes: 0xffff_ffff_ffff_f000n }

/** Arm's SMMU: it translates interrupts too, for which the kernel sets a window of addresses aside. */
const smmu: IommuFacts = {
  ranges: [
    { first: 0n, last: 0x7ff_ffffn },
    { first: 0x810_0000n, last: 0xffff_ffff_ffffn },
  ],
  interrupts: 0x800_0000n,
  end: 1n << 48n,
  // a page, and those that an entry of the next tables maps
  pageSizes: page === 4096 ? 0x4020_1000n : pageBytes | ((pageBytes * pageBytes) / 8n),
  // its driver has the call, and refuses it for a domain that knows its SMMU already, as each does from the first
  nested: 'EPERM',
}

/** The mock's machine is a PC with Intel's. */
const isReal = process.env['VFIOCTL_TEST_KERNEL'] === 'linux'
const isArm = isReal && process.arch === 'arm64'
/** Linux 6.12 knows the IOMMU of a device tree's machine late, and less of it; Linux 7 is as on a PC. */
const isOlderArm = isArm && facts.isOlder
/** By the names that the kernel gives them: virtio's has its PCI address. */
const hasAmd = isReal && existsSync('/sys/class/iommu/ivhd0')
const hasVirtio = isReal && existsSync('/sys/class/iommu/0000:00:1e.0')

/** Of the machine under test. */
export const iommu: IommuFacts = isArm ? smmu : hasAmd ? amd : hasVirtio ? virtio : intel

/** If the interrupt controller takes more vectors of MSI-X later: a PC's from Linux 6.5 on, Arm's ITS not in 6.12. */
export const addsMsixVectors: boolean = !isOlderArm

/**
 * If devices behind a conventional bridge, whose requests bear one ID, can all have a driver: the SMMU's takes one of
 * them in 6.12 and in 7.
 */
export const sharesRequesterIds: boolean = !isArm

/** If the machine has a conventional bridge: devices behind one take all of QEMU's virtio-iommu from Linux 7. */
export const hasConventionalBridge: boolean = !hasVirtio

/** If a bridge that was removed is found again with what is behind it: on arm64, not by Linux 7. */
export const findsBehindBridgesAgain: boolean = !isArm || isOlderArm

/** If a device is in an IOMMU group before a driver had it: where a device tree tells of the IOMMU, not in 6.12. */
export const groupsAtOnce: boolean = !isOlderArm

/** If what is behind a root port is in groups of its own; in 6.12, a device tree's machine asks for ACS too late. */
export const isolatesPorts: boolean = !isOlderArm

/**
 * If an access whose width a device refuses reads as all ones; else it is a fault, which Linux 6.12 and 7 do not survive in
 * VFIO's own paths.
 */
export const survivesRefusedWidth: boolean = !isArm

/** If a hotplug slot resets what is in it; on a PC, ACPI has the slots. */
export const resetsSlots: boolean = isArm
