// Vitest's options for what bundle-tests.mjs made: Node loads it as it is.
import { dirname, join } from 'node:path'

/** 'before' or 'after': one of two boots, of which the second has what the first leaves. Undefined for a boot alone. */
const half = process.env.VFIOCTL_REBOOT
const timeout = process.env.VFIOCTL_LONG === '1' ? 3_600_000 : 120_000

export default {
  test: {
    root: join(dirname(dirname(import.meta.dirname)), 'build/guest'),
    include: [half === undefined ? 'test/**/*.test.mjs' : `test/vm/reboot/${half}.mjs`],
    server: { deps: { external: [/\.mjs$/] } },
    testTimeout: timeout,
    hookTimeout: timeout,
  },
}
