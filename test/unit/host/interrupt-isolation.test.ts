import { expect, test } from 'vitest'
import { unsafeInterrupts } from '../../../src/host/interrupt-isolation.ts'
import { readIommuGroups } from '../../../src/host/iommu-groups.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { vmScenario, vmScenarioNamed } from '../../contract/vm-scenario.ts'
import { HostTree } from '../host-tree.ts'

const remapped = '  24:  0  0  IR-PCI-MSI-0000:00:1f.2    0-edge      ahci[0000:00:1f.2]\n'
const parameter = 'sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts'

test.for([
  ['x86-64 with interrupt remapping', remapped, false],
  ['the same before Linux 6.2', '  24:  0  IR-PCI-MSI 512000-edge  ahci\n   4:  7  IR-IO-APIC  4-edge  ttyS0\n', false],
  ['arm64 with an ITS', ' 18:  0  ITS-PCI-MSI 65536 Edge  nvme0q0\n', false],
  ['x86-64 without', '   4:  7  IO-APIC   4-edge  ttyS0\n  24:  0  PCI-MSI-0000:00:1f.2  0-edge  ahci\n', true],
  ['a machine that does not tell', '  1:  0  GICv2  27 Level  arch_timer\n', false],
] as const)('VFIO is known to refuse a device for its interrupts on %s: %s', ([, text, isUnsafe]) => {
  const host = new HostTree().file('proc/interrupts', text)
  expect(unsafeInterrupts(hostFiles(host.root)) !== null).toBe(isUnsafe)
  expect(unsafeInterrupts(hostFiles(host.file(parameter, 'Y\n').root))).toBe(null)
})

test.for([
  ['6.1', vmScenario],
  ['7', vmScenarioNamed('mock-7')],
] as const)(
  'as the mock does, Linux %s: groups say so before it is opened, and a parameter allows it',
  async ([, machine]) => {
    const pci = machine.pci.map((device) =>
      device.address === '0000:00:03.0' ? { ...device, driver: 'vfio-pci' } : device,
    )
    const kernel = createMockKernel({ ...machine, pci, isolatesInterrupts: false })
    const open = () => openDevice(kernel, { group: 3, name: '0000:00:03.0' })
    const warning = unsafeInterrupts(kernel.files)
    expect(warning?.message).toContain('/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts')
    expect(readIommuGroups(kernel.files).warnings).toEqual([warning])
    expect(open).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED', errno: 'EPERM' }))
    for (const module of ['vfio_iommu_type1', 'iommufd']) {
      const path = `/sys/module/${module}/parameters/allow_unsafe_interrupts`
      if (kernel.files.kind(path) !== null) await kernel.files.write(path, '1')
    }
    expect(unsafeInterrupts(kernel.files)).toBe(null)
    open().close()
    kernel.dispose()
  },
)
