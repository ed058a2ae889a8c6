import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { isSoak } from './soak.ts'

// Set in the virtual machine, whose processor is emulated; its own tests change the host they run on.
const inGuest = process.env['VFIOCTL_VM'] !== undefined
// Which of two boots this is, where what the first leaves is there in the second.
const half = process.env['VFIOCTL_REBOOT']
const inVm = half === undefined ? ['vm/**/*.test.ts'] : [`vm/reboot/${half}.ts`]
const timeout = isSoak ? 3_600_000 : inGuest ? 120_000 : 30_000

export default defineConfig({
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
