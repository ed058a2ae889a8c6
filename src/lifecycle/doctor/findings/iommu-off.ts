import { iommuAdvice } from '../../../host/iommu-advice.ts'
import { iommuGroups } from '../../../host/iommu-groups.ts'
import { kindOrNone, listOrNone, readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { commandLineWords } from '../../bindings/boot-lines.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'
import { kernelArgument } from '../reading/kernel-argument.ts'

const tables = '/sys/firmware/acpi/tables'
/** Tables by which firmware tells of an IOMMU: Intel's, AMD's, Arm's, a virtual machine's. */
const iommuTables = ['DMAR', 'IVRS', 'IORT', 'VIOT']
const cpuinfo = '/proc/cpuinfo'
const offWords = new Set(['iommu=off', 'intel_iommu=off', 'amd_iommu=off'])

/** No IOMMU at work: its firmware, or the kernel's command line, has it off. A mainframe's cannot be. */
export function iommuOff({ files }: HostReader): Finding[] {
  if (kindOrNone(files, '/sys/bus/css') !== null || hasTranslatedGroup(files)) return []
  const found = listOrNone(files, tables)
  const table = iommuTables.find((name) => found.includes(name)) ?? null
  const off = commandLineWords(files).find((word) => offWords.has(word)) ?? null
  const evidence = [
    seen(iommuGroups, null),
    seen('/proc/cmdline', readOrEmpty(files, '/proc/cmdline')),
    ...(found.length === 0 ? [] : [seen(`${tables}/${table ?? 'DMAR'}`, table === null ? null : 'is there')]),
  ]
  const common = { id: 'iommu-off', severity: 'problem', device: null, evidence } as const
  const consequence = 'VFIO opens no PCI device: a device’s DMA could reach all memory'
  if (off !== null) {
    const message = `the kernel’s command line turns the IOMMU off (${off})`
    return [{ ...common, message, consequence, ...kernelArgument(files, 'remove', off) }]
  }
  if (table === null && isVirtualMachine(files)) {
    const message = 'this is a virtual machine, to which its hypervisor gives no IOMMU'
    const advice =
      'have the hypervisor give it one (QEMU: -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on,caching-mode=on), ' +
      'or accept the risks of noiommu mode'
    return [
      { ...common, evidence: [...evidence, seen(cpuinfo, 'hypervisor')], message, consequence, commands: [], advice },
    ]
  }
  if (found.length > 0 && table === null) {
    const message = 'the firmware tells of no IOMMU: it has none, or it is off in the firmware’s setup'
    const advice = 'turn on VT-d (Intel), AMD-Vi or “IOMMU” (AMD), or SMMU (Arm) in the firmware’s setup'
    return [{ ...common, message, consequence, commands: [], advice }]
  }
  if (table === 'DMAR') {
    const message = 'the firmware tells of Intel’s IOMMU, and the kernel does not use it'
    return [{ ...common, message, consequence, ...kernelArgument(files, 'add', 'intel_iommu=on') }]
  }
  if (table === 'IVRS') {
    const message =
      'the firmware tells of AMD’s IOMMU, which the kernel uses unless it fails, and no device is in a group'
    const advice = 'the kernel’s log says why; a firmware update may mend its tables'
    return [{ ...common, message, consequence, commands: ['dmesg | grep -i AMD-Vi'], advice }]
  }
  const { why, hint } = iommuAdvice(files)
  return [{ ...common, message: `no device is in an IOMMU group: ${why}`, consequence, commands: [], advice: hint }]
}

/** A flag that x86 processors have below a hypervisor. */
function isVirtualMachine(files: HostFiles): boolean {
  return /^flags\s*:.*\bhypervisor\b/m.test(readOrEmpty(files, cpuinfo))
}

/** A group that VFIO did not make up itself, for mediated devices or without an IOMMU. */
function hasTranslatedGroup(files: HostFiles): boolean {
  return listOrNone(files, iommuGroups).some((number) => {
    const group = `${iommuGroups}/${number}`
    return readOrEmpty(files, `${group}/type`).trim() !== 'unknown' && readOrEmpty(files, `${group}/name`) === ''
  })
}
