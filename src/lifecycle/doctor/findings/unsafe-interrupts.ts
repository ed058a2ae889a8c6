import { unsafeInterrupts } from '../../../host/interrupt-isolation.ts'
import { iommuGroups } from '../../../host/iommu-groups.ts'
import { listOrNone, readOrEmpty } from '../../../host/sysfs/readable.ts'
import { commandLineWords } from '../../bindings/boot-lines.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'
import { kernelArgument } from '../reading/kernel-argument.ts'

const parameters = ['vfio_iommu_type1', 'iommufd'].map(
  (module) => `/sys/module/${module}/parameters/allow_unsafe_interrupts`,
)
const offWords = new Set(['intremap=off', 'nointremap'])

/** Interrupts that are not remapped, which VFIO refuses, or was told to put up with. */
export function interruptsUnsafe({ files }: HostReader): Finding[] {
  const allowed = parameters.filter((path) => readOrEmpty(files, path).trim() === 'Y')
  const whileAllowed = allowed.map(
    (path): Finding => ({
      id: 'unsafe-interrupts-allowed',
      severity: 'warning',
      device: null,
      message: 'VFIO is told to open devices whose interrupts are not isolated',
      evidence: [seen(path, 'Y')],
      consequence: 'on a machine without interrupt remapping, a guest with a device can raise the host’s interrupts',
      commands: [`echo 0 > ${path}`],
      advice:
        'only if interrupt remapping works, or guests need not be trusted; grep allow_unsafe_interrupts /etc/modprobe.d/*',
    }),
  )
  const refused = listOrNone(files, iommuGroups).length === 0 ? null : unsafeInterrupts(files)
  if (refused === null) return whileAllowed
  const off = commandLineWords(files).find((word) => offWords.has(word))
  const mend =
    off === undefined
      ? { commands: [], advice: `turn on interrupt remapping in the firmware’s setup; it ${refused.message}` }
      : kernelArgument(files, 'remove', off)
  return [
    ...whileAllowed,
    {
      id: 'interrupts-not-remapped',
      severity: 'problem',
      device: null,
      message: 'the IOMMU does not remap interrupts',
      evidence: [
        seen(refused.path, 'no IR-…'),
        ...(off === undefined ? [] : [seen('/proc/cmdline', readOrEmpty(files, '/proc/cmdline'))]),
      ],
      consequence: 'VFIO opens no PCI device (EPERM): its messages could raise interrupts of others',
      ...mend,
    },
  ]
}
