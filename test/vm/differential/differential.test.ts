import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import type { KernelVersion } from '../../../src/mock/kernel-traits.ts'
import { long, tell } from '../../long.ts'
import type { Call } from './call.ts'
import { differenceOf, leastDifference, mockOf } from './compare.ts'
import { Coverage } from './coverage.ts'
import { releaseEdu } from './devices.ts'
import { sequences } from './sequences.ts'

// The long run, 10,000 sequences and others each time: npm run vm -- --kernel 6.12 --timeout 36000 env VFIOCTL_LONG=1
// node node_modules/vitest/vitest.mjs run --config test/vitest.config.ts --project vm differential
const count = Number(process.env['VFIOCTL_SEQUENCES'] ?? (long ? 10_000 : 300))
const seed = Number(process.env['VFIOCTL_SEED'] ?? (long ? Date.now() % 2 ** 31 : 1))
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

  const differs = async (calls: readonly Call[]) => {
    const mock = mockOf(version)
    const difference = await differenceOf(calls, { mock, kernel: linux, version }, coverage)
    mock.dispose()
    return difference
  }
  for (const [nth, calls] of fc.sample(sequences(version), { numRuns: count, seed }).entries()) {
    const found = await differs(calls)
    if (found === null) continue
    tell(`sequence ${nth}:\n${found}`)
    differences.push(await leastDifference(calls, differs))
    if (differences.length === enough) break
  }
  tell(
    `Linux ${version}, seed ${seed}: ${count} sequences, ${differences.length} differ, ${coverage.calls} calls, ${coverage.leftOut} left out`,
  )
  tell(String(coverage))
  // none of these devices has a dma-buf
  expect(differences.join('\n\n')).toBe('')
  expect(coverage.onlyRefused.filter((name) => name !== 'VFIO_DEVICE_GET_GFX_DMABUF')).toEqual([])
}, 36_000_000)
