import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { embeddedFile } from '../../kernel/embedded.ts'

/** This package's version, of the package.json inside the executable, above the bundle (dist/bin) or above src. */
export function readVersion(): string {
  const embedded = embeddedFile('package.json')
  const json: unknown = JSON.parse(
    embedded === null ? readFileSync(manifest(), 'utf8') : Buffer.from(embedded).toString(),
  )
  const known = typeof json === 'object' && json !== null && 'version' in json && typeof json.version === 'string'
  return known ? String(json.version) : 'unknown'
}

function manifest(): string {
  return ['../..', '../../..'].map((up) => join(import.meta.dirname, up, 'package.json')).find(existsSync) ?? ''
}
