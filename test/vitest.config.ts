import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    projects: [
      { extends: true, test: { name: 'unit', include: ['unit/**/*.test.ts'] } },
      { extends: true, test: { name: 'contract', include: ['contract/**/*.test.ts'] } },
      { extends: true, test: { name: 'cli', include: ['cli/**/*.test.ts'] } },
      { extends: true, test: { name: 'abi', include: ['abi/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'native', include: ['native/**/*.test.ts'], pool: 'forks', execArgv: ['--expose-gc'] },
      },
    ],
    testTimeout: 30_000,
  },
})
