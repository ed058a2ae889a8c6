import { onTestFinished } from 'vitest'
import { Host } from '../../../../../src/host.ts'
import { MockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../../src/mock/scenario/scenario.ts'
import { arcPro } from '../../../../../src/mock/shipped/arc-pro.ts'

/** Bytes. */
export const gib: number = 2 ** 30
/** A card of 15 GiB, with up to four functions here. */
export const b50 = '0000:03:00.0'

/** No more of `arc-pro` than its first card needs: all of it is built anew after each write. */
export const oneCard: Scenario = {
  ...arcPro,
  pci: arcPro.pci
    .filter(({ address }) => address === b50)
    .map(({ sriov, ...device }) => ({ ...device, ...(sriov && { sriov: { ...sriov, totalVfs: 4 } }) })),
}

/** A simulated host, which ends with the test. */
export function arcHost(scenario: Scenario = oneCard): { readonly host: Host; readonly kernel: MockKernel } {
  const kernel = new MockKernel(scenario, {})
  const host = new Host(kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  return { host, kernel }
}

/** The same host at its next boot: of all that was, its disk alone stays. */
export function rebooted(kernel: MockKernel, scenario: Scenario = oneCard): ReturnType<typeof arcHost> {
  const disk = Object.entries(kernel.machine.store.read().disk).filter(([path]) => !path.startsWith('/run/'))
  return arcHost({ ...scenario, disk: Object.fromEntries(disk) })
}
