import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import type { KernelVersion } from '../../../src/mock/base/kernel-traits.ts'
import { isSoak, tell } from '../../soak.ts'
import type { Call } from './call.ts'
import { differenceOf, minDifference, mockOf } from './compare.ts'
import { Coverage } from './coverage.ts'
import { releaseEdu } from './devices.ts'
import { sequences } from './sequences.ts'

// The long run, 10,000 sequences, others each time: VFIOCTL_LONG=1 npm run test:vm -- --kernel 6.12 -- vm/differential
// It tells its seed; with VFIOCTL_SEED and VFIOCTL_SEQUENCES beside it, the same or fewer come again.
const count = Number(process.env['VFIOCTL_SEQUENCES'] ?? (isSoak ? 10_000 : 300))
const seed = Number(process.env['VFIOCTL_SEED'] ?? (isSoak ? Date.now() % 2 ** 31 : 1))
/** Differences, at most, before the rest is left. */
const enough = 5

function versionOf(release: string): KernelVersion {
  return release.startsWith('6.1.') ? '6.1' : release.startsWith('6.12.') ? '6.12' : '7'
}

test('random calls, legal and illegal, have the same results on the mock as on this kernel', async () => {
  const linux = openLinux()
  const version = versionOf(linux.files.read('/proc/sys/kernel/osrelease'))
  onTestFinished(() => releaseEdu(linux.files))
  const coverage = new Coverage()
  const differences: string[] = []
  const tellUpTo = (done: number) =>
    tell(
      `Linux ${version}, seed ${seed}: ${done} sequences, ${differences.length} differ, ${coverage.calls} calls, ${coverage.leftOut} left out`,
    )

  const differs = async (calls: readonly Call[]) => {
    const mock = mockOf(version)
    try {
      return await differenceOf(calls, { mock, kernel: linux, version }, coverage)
    } finally {
      mock.dispose()
    }
  }
  let done = 0
  for (const calls of fc.sample(sequences(version), { numRuns: count, seed })) {
    if (done % 500 === 0) tellUpTo(done)
    const found = await differs(calls)
    done++
    if (found === null) continue
    tell(`sequence ${done}:\n${found}`)
    differences.push(await minDifference(calls, differs))
    if (differences.length === enough) break
  }
  tellUpTo(done)
  tell(String(coverage))
  // none of these devices has a dma-buf
  expect(differences.join('\n\n')).toBe('')
  expect(coverage.onlyRefused.filter((name) => name !== 'VFIO_DEVICE_GET_GFX_DMABUF')).toEqual([])
}, 36_000_000)
