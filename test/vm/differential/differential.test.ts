import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import type { KernelVersion } from '../../../src/mock/kernel-traits.ts'
import { createMockKernel } from '../../../src/mock/mock-kernel.ts'
import type { Scenario } from '../../../src/mock/scenario.ts'
import { labNamed } from '../../contract/lab.ts'
import { long, tell } from '../../long.ts'
import type { Call } from './call.ts'
import { names, releaseEdu } from './devices.ts'
import { sequences } from './sequences.ts'
import { type Outcome, Side } from './side.ts'

// npm run vm -- --kernel 6.12 --timeout 3600 env VFIOCTL_LONG=1 node node_modules/vitest/vitest.mjs run --config
// test/vitest.config.ts --project vm differential
const count = Number(process.env['VFIOCTL_SEQUENCES'] ?? 10_000)
/** Others each time: the counts of several runs add up. fast-check tells it where a difference is found. */
const seed = Number(process.env['VFIOCTL_SEED'] ?? Date.now() % 2 ** 31)

function versionOf(release: string): KernelVersion {
  return release.startsWith('6.1.') ? '6.1' : release.startsWith('6.12.') ? '6.12' : '7'
}

/** Of PCI, the edu that sequences are about and the port above it: an emulated processor is long at work on a whole host. */
function onlyEdu(lab: Scenario): Scenario {
  const behind = lab.pci.find(({ address }) => address === names.edu)?.behind ?? []
  return { ...lab, pci: lab.pci.filter(({ address }) => address === names.edu || behind.includes(address)) }
}

test('random calls, legal and illegal, have the same results on the mock as on this kernel', async (context) => {
  if (!long) context.skip('a part of the long run: VFIOCTL_LONG=1')
  const linux = openLinux()
  const version = versionOf(linux.files.read('/proc/sys/kernel/osrelease'))
  const lab = onlyEdu(labNamed(`mock-${version}`))
  onTestFinished(() => releaseEdu(linux.files))
  let driven = 0

  /** What follows the first difference would differ for that alone. */
  const firstDifference = async (calls: readonly Call[]) => {
    const mock = createMockKernel(lab)
    const onMock = new Side(mock, version)
    const onLinux = new Side(linux, version)
    try {
      for (const side of [onMock, onLinux]) await side.begin(calls)
      for (const call of calls) {
        const [expected, answered]: Outcome[] = [await onLinux.run(call), await onMock.run(call)]
        driven++
        if (answered !== expected) return { call, linux: expected, mock: answered }
      }
      return null
    } finally {
      for (const side of [onMock, onLinux]) await side.end()
      mock.dispose()
    }
  }

  const property = fc.asyncProperty(sequences(version), async (calls) => {
    expect(await firstDifference(calls)).toBeNull()
  })
  await fc.assert(property, { numRuns: count, seed })
  tell(`Linux ${version}, seed ${seed}: ${count} sequences, ${driven} calls, no difference`)
  expect(driven).toBeGreaterThan(count)
}, 3_600_000)
