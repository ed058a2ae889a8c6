import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { createMockKernel } from '../../../src/mock/mock-kernel.ts'
import { lab } from '../../contract/lab.ts'
import { bindPci } from '../../contract/pci.ts'
import { long, tell } from '../../long.ts'
import { type Call, sequence } from './calls.ts'
import { type Outcome, Side } from './side.ts'

/** How many sequences are driven at both. */
const runs = 10_000

function versionOf(release: string): '6.1' | '6.12' | '7' {
  return release.startsWith('6.1.') ? '6.1' : release.startsWith('6.12.') ? '6.12' : '7'
}

test('random legal and illegal calls have the same results on the mock as on this kernel', async (context) => {
  if (!long) context.skip('a part of the long run: VFIOCTL_LONG=1')
  const linux = openLinux()
  const kernel = versionOf(linux.files.read('/proc/sys/kernel/osrelease'))
  const bindOn = async (on: ReturnType<typeof openLinux>) => {
    const unused = () => Promise.reject(new Error('no device is made by the harness'))
    await bindPci(context, 'edu-root-port', { name: on.name, kernel: on, createMdev: unused, remove: unused })
  }
  await bindOn(linux)
  let calls = 0
  const differs = async (list: readonly Call[]) => {
    const mock = createMockKernel({ ...lab, kernel })
    await bindOn(mock)
    const sides = [new Side(mock), new Side(linux)] as const
    try {
      for (const side of sides) await side.begin()
      const outcomes: [Call, Outcome, Outcome][] = []
      for (const call of list) {
        const [onMock, onLinux] = [await sides[0].run(call), await sides[1].run(call)]
        outcomes.push([call, onMock, onLinux])
        calls++
        // What follows would differ for that alone.
        if (onMock !== onLinux) break
      }
      const [last, onMock, onLinux] = outcomes.at(-1) ?? []
      expect({ call: last, result: onMock }).toEqual({ call: last, result: onLinux })
    } finally {
      for (const side of sides) await side.end()
      mock.dispose()
    }
  }
  await fc.assert(fc.asyncProperty(sequence, differs), {
    numRuns: runs,
    interruptAfterTimeLimit: 3_600_000,
  })
  tell(`${runs} sequences, ${calls} calls, no difference to Linux ${kernel}`)
  expect(calls).toBeGreaterThan(runs)
}, 3_700_000)
