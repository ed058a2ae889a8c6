import { onTestFinished } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { Host } from '../../../../src/host.ts'
import { cacheTypeNames } from '../../../../src/lifecycle/kinds/nvidia-vgpu/cache-type-names.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { blackwell } from '../../../../src/mock/shipped/blackwell.ts'

/** The card of the tests. */
export const card = parsePciAddress('0000:41:00.0')

/** One card of the host blackwell, with fewer functions: all of it is built anew after each write. */
export const scenario: Scenario = {
  ...blackwell,
  pci: blackwell.pci
    .filter(({ address }) => address === card)
    .map((device) => {
      return device.sriov === undefined ? device : { ...device, sriov: { ...device.sriov, totalVfs: 4 } }
    }),
}

/** Such a host, whose types were listed before. */
export function blackwellHost(options: { readonly stateDirectory?: string } = {}) {
  const kernel = new MockKernel(scenario, options)
  const host = new Host(kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  for (const { vgpus } of scenario.pci) cacheTypeNames(kernel.files, vgpus?.types ?? [])
  return { kernel, host }
}

/** Modes, functions and vGPUs of the card, with what is kept of them. */
export async function stateOf(host: Host) {
  const { instances, mig, heterogeneous, kept } = await host.gpuModes(card)
  const { files } = host.kernel
  const marks = '/run/vfioctl/half-configured'
  return {
    mig: mig?.current,
    heterogeneous,
    instances: instances.map(({ profile }) => profile),
    functions: host.physicalFunctions({ device: card }).functions[0]?.count,
    vgpus: host.list().devices.map(({ name, type, active }) => `${name} ${type} ${active ? 'runs' : 'defined'}`),
    kept,
    marks: files.kind(marks) === null ? [] : files.list(marks),
  }
}
