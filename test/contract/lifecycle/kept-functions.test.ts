import { execFileSync } from 'node:child_process'
import { onTestFinished, type TestContext } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { addresses, driverOf } from '../pci.ts'
import { vmScenarioUnderTest } from '../vm-scenario.ts'
import { keptFunctions, type SriovCard } from './kept-functions.ts'

const address = addresses.nvme

/** The mock's controller with the driver that Linux has for it. */
function mockWithNvme() {
  const scenario = vmScenarioUnderTest()
  const pci = scenario.pci.map((device) => {
    const { sriov } = device
    if (device.address !== address || sriov === undefined) return device
    return { ...device, driver: 'nvme', sriov: { ...sriov, vfDriver: 'nvme' } }
  })
  return createMockKernel({ ...scenario, pci })
}

/** The NVMe controller with Linux's driver for it, which makes virtual functions; nobody's again after the test. */
function nvme({ skip }: TestContext): SriovCard {
  const isMock = process.env['VFIOCTL_TEST_KERNEL'] !== 'linux'
  const kernel = isMock ? mockWithNvme() : openLinux()
  onTestFinished(() => kernel.dispose())
  if (kernel.files.kind(`/sys/bus/pci/devices/${address}/sriov_totalvfs`) === null) skip('this kernel finds no SR-IOV')
  if (!isMock) {
    execFileSync('modprobe', ['nvme'])
    onTestFinished(() => {
      execFileSync('modprobe', ['-r', 'nvme'])
    })
  }
  if (driverOf(kernel.files, address) !== 'nvme')
    throw new Error(`${address} is with ${driverOf(kernel.files, address)}`)
  return { kernel, address }
}

keptFunctions(nvme)
