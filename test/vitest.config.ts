import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { isSoak } from './soak.ts'

// Set in the virtual machine, whose processor is emulated; its own tests change the host they run on.
const inGuest = process.env['VFIOCTL_VM'] !== undefined
// 'before' or 'after': one of two boots, of which the second has what the first leaves. Undefined for a boot alone.
const half = process.env['VFIOCTL_REBOOT']
const inVm = half === undefined ? ['vm/**/*.test.ts'] : [`vm/reboot/${half}.ts`]
// A kernel of the other byte order, as s390x has it: what is encoded and decoded in this process is all of that order.
const isBigEndian = process.env['VFIOCTL_TEST_KERNEL']?.endsWith('-big-endian') === true
const bigEndian = {
  find: /^.*\/base\/byte-order\.ts$/,
  replacement: join(import.meta.dirname, 'contract/big-endian.ts'),
}
const timeout = isSoak ? 3_600_000 : inGuest ? 120_000 : 30_000

export default defineConfig({
  resolve: { alias: isBigEndian ? [bigEndian] : [] },
  test: {
    root: import.meta.dirname,
    projects: [
      { extends: true, test: { name: 'unit', include: ['unit/**/*.test.ts'] } },
      { extends: true, test: { name: 'contract', include: ['contract/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'cli', include: ['cli/**/*.test.ts'], globalSetup: join(import.meta.dirname, 'cli/build.ts') },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['package/**/*.test.ts'],
          globalSetup: join(import.meta.dirname, 'package/pack.ts'),
          testTimeout: 120_000,
        },
      },
      { extends: true, test: { name: 'emulated', include: ['emulated/**/*.test.ts'] } },
      { extends: true, test: { name: 'abi', include: ['abi/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'native', include: ['native/**/*.test.ts'], pool: 'forks', execArgv: ['--expose-gc'] },
      },
      ...(inGuest ? [{ extends: true as const, test: { name: 'vm', include: inVm } }] : []),
    ],
    testTimeout: timeout,
    hookTimeout: timeout,
  },
})
