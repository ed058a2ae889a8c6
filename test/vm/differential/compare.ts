import type { Kernel } from '../../../src/kernel/kernel.ts'
import type { KernelVersion } from '../../../src/mock/base/kernel-traits.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { vmScenarioNamed } from '../../contract/vm-scenario.ts'
import type { Call } from './call.ts'
import type { Coverage } from './coverage.ts'
import { names } from './devices.ts'
import { type Outcome, Side } from './side.ts'

/**
 * A mock of this kernel. Of PCI it has the edu that sequences are about and the port above it: an emulated processor is
 * long at work on a whole host.
 */
export function mockOf(version: KernelVersion): Kernel {
  const vmScenario = vmScenarioNamed(`mock-${version}`)
  const behind = vmScenario.pci.find(({ address }) => address === names.edu)?.behind ?? []
  const pci = vmScenario.pci.filter(({ address }) => address === names.edu || behind.includes(address))
  return createMockKernel({ ...vmScenario, pci, disk: {} })
}

/**
 * Makes the calls on a new mock and on another kernel, which is what `version` says. What they came to, up to the first
 * difference, which is the last line; null where there is none. What follows one would differ for that alone.
 */
export async function differenceOf(
  calls: readonly Call[],
  kernels: { readonly mock: Kernel; readonly kernel: Kernel; readonly version: KernelVersion },
  coverage: Coverage,
): Promise<string | null> {
  const { version } = kernels
  const [mock, kernel] = [new Side(kernels.mock, version), new Side(kernels.kernel, version)]
  const lines: string[] = []
  const compare = async () => {
    for (const side of [mock, kernel]) await side.begin(calls)
    for (const [nth, call] of calls.entries()) {
      lines.push(`${nth}. ${inWords(call)}`)
      const answered: Outcome = await mock.run(call)
      const expected: Outcome = await kernel.run(call, mock.signals)
      coverage.add(call, expected)
      lines.push(`${lines.pop()}: ${expected}`)
      if (answered !== expected) return [...lines, `on the mock: ${answered}`].join('\n')
    }
    return null
  }
  try {
    return await compare().finally(async () => {
      for (const side of [mock, kernel]) await side.end()
    })
  } catch (error) {
    throw new Error(`no answer at all:\n${lines.join('\n')}`, { cause: error })
  }
}

/** As few of these calls as still differ, tried by leaving out one after the other from the last on. */
export async function minDifference(
  calls: readonly Call[],
  differs: (calls: readonly Call[]) => Promise<string | null>,
): Promise<string> {
  let least = calls
  let told = ''
  for (let nth = calls.length - 1; nth >= 0; nth--) {
    const fewer = least.toSpliced(nth, 1)
    const found = await differs(fewer)
    if (found === null) continue
    least = fewer
    told = found
  }
  return told === '' ? ((await differs(calls)) ?? 'what differed once did not again') : told
}

function inWords({ kind, ...call }: Call): string {
  const name = 'request' in call ? call.request : kind
  const rest = Object.entries(call).filter(([key]) => key !== 'request' && key !== 'number')
  return `${name} ${JSON.stringify(Object.fromEntries(rest))}`
}
