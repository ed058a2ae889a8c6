import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Programs that npm has, installed once and kept for the next run: returns the node_modules they are in.
 * @param name of the folder in the cache
 * @param packages as `npm install` takes them
 * @param overrides versions that npm takes instead of what those packages ask for
 */
export function cachedPackages(
  name: string,
  packages: readonly string[],
  overrides: Readonly<Record<string, string>> = {},
): string {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'vfioctl', name)
  const manifest = join(folder, 'package.json')
  const wanted = JSON.stringify({ private: true, overrides })
  const done = join(folder, `done-${packages.join('-').replaceAll(/[^\w.@-]+/g, '_')}`)
  if (!existsSync(done)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(manifest, wanted)
    // an empty --prefix of its own: npm would otherwise look for a package above
    const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
    execFileSync('npm', ['install', '--prefix', folder, ...options, ...packages], { stdio: 'inherit' })
    writeFileSync(done, '')
  }
  return join(folder, 'node_modules')
}
