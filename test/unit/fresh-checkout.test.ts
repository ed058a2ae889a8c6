import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const checkout = join(import.meta.dirname, '../..')
const scripts = join(checkout, 'scripts')

const sources = readdirSync(scripts, { recursive: true, encoding: 'utf8' })
  .filter((it) => it.endsWith('.mjs'))
  .map((it) => join(scripts, it))

/** Modules that a file loads as it is loaded: not those that it imports when they are needed. */
function staticImports(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b(?:[^'"]*?\bfrom)? ?'([^']+)'/gm)].map(
    ([, name = '']) => name,
  )
}

/** The npm packages that loading a file takes, each with who imports it. */
function packagesLoadedBy(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  return staticImports(file).flatMap((name) => {
    if (isBuiltin(name)) return []
    if (!name.startsWith('.')) return [`${relative(checkout, file)} imports ${name}`]
    const target = join(dirname(file), name)
    return existsSync(target)
      ? packagesLoadedBy(target, seen)
      : [`${relative(checkout, file)} imports ${name}: no file`]
  })
}

describe('a fresh checkout, before npm ci', () => {
  const thatSetUp = sources.filter((it) => staticImports(it).some((name) => name.endsWith('/setup.mjs')))

  it('has scripts that install what is missing, npm test among them', () => {
    expect(thatSetUp.map((it) => relative(scripts, it))).toEqual(expect.arrayContaining(['test.mjs', 'vm/test.mjs']))
  })

  it.each(thatSetUp.map((it) => relative(scripts, it)))('starts scripts/%s without any npm package', (name) => {
    expect(packagesLoadedBy(join(scripts, name))).toEqual([])
  })
})
