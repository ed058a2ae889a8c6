import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** This package's version, of the package.json above the bundle (dist/bin) or above src. */
export function readVersion(): string {
  const path = ['../..', '../../..'].map((up) => join(import.meta.dirname, up, 'package.json')).find(existsSync) ?? ''
  const json: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const known = typeof json === 'object' && json !== null && 'version' in json && typeof json.version === 'string'
  return known ? String(json.version) : 'unknown'
}
