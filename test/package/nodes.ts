import { join } from 'node:path'
import { cachedPackages } from './cached-packages.ts'

/** The releases of Node that the package promises to work on; the first is the oldest, which runs these tests. */
export const majors = [20, 22, 24] as const

/** The path of a Node of that release: this one, or one that npm has. */
export function nodeOf(major: (typeof majors)[number]): string {
  if (process.version.startsWith(`v${major}.`)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  return join(cachedPackages(`node/${major}`, [`${name}@${major}`]), name, 'bin/node')
}
