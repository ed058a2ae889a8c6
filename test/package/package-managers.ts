import { join } from 'node:path'
import { cachedPackages } from './cached-packages.ts'

/** A program that installs packages, with the commands of its users. */
export interface PackageManager {
  readonly name: string
  /** Its script, for Node to run. */
  readonly script: string
  /** Adds a package to a project, by its name or its file. */
  readonly add: readonly string[]
  /** Installs what the lock file says, and nothing else. */
  readonly frozen: readonly string[]
  /** Builds what has to be built anew; null where it knows no such thing. */
  readonly rebuild: readonly string[] | null
  /** Runs a program of an installed package. */
  readonly run: readonly string[]
}

export function packageManagers(): PackageManager[] {
  const at = cachedPackages('package-managers', [
    'npm10@npm:npm@10.9.9',
    'npm11@npm:npm@11.21.2',
    'pnpm@10.34.9',
    'yarn1@npm:yarn@1.22.22',
    'yarn4@npm:@yarnpkg/cli-dist@4.18.1',
  ])
  const npm = { add: ['install'], frozen: ['ci'], rebuild: ['rebuild'], run: ['exec', '--'] }
  return [
    { name: 'npm 10', script: join(at, 'npm10/bin/npm-cli.js'), ...npm },
    { name: 'npm 11', script: join(at, 'npm11/bin/npm-cli.js'), ...npm },
    {
      name: 'pnpm 10',
      script: join(at, 'pnpm/bin/pnpm.cjs'),
      add: ['add'],
      frozen: ['install', '--frozen-lockfile'],
      rebuild: ['rebuild'],
      run: ['exec'],
    },
    {
      name: 'yarn 1',
      script: join(at, 'yarn1/bin/yarn.js'),
      add: ['add'],
      frozen: ['install', '--frozen-lockfile'],
      rebuild: null,
      run: ['run', '--silent'],
    },
    {
      name: 'yarn 4, without node_modules',
      script: join(at, 'yarn4/bin/yarn.js'),
      add: ['add'],
      frozen: ['install', '--immutable'],
      rebuild: ['rebuild'],
      run: ['run'],
    },
  ]
}
