import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** This package's version. The file is as far above the bundle (dist/bin) as above this folder. */
export function readVersion(): string {
  const json: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  const known = typeof json === 'object' && json !== null && 'version' in json && typeof json.version === 'string'
  return known ? String(json.version) : 'unknown'
}
