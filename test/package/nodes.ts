import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The releases of Node that the package promises to work on; the first is the oldest, which runs these tests. */
export const majors = [20, 22, 24] as const

/** The path of a Node of that release: this one, or one that npm has, kept for the next run. */
export function nodeOf(major: (typeof majors)[number]): string {
  if (process.version.startsWith(`v${major}.`)) return process.execPath
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'vfioctl/node', String(major))
  const name = `node-${process.platform}-${process.arch}`
  const node = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true })
    // An empty --prefix of its own: npm would otherwise look for a package above.
    const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
    execFileSync('npm', ['install', '--prefix', folder, ...options, `${name}@${major}`], { stdio: 'inherit' })
  }
  return node
}
