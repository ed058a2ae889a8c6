import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { vfioctl } from '../../cli/vfioctl.ts'
import { active, define } from '../defined-devices.ts'
import { byHand, display, kept, onMtty } from './definitions.ts'

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

it('devices are defined and run, and the boot is set up', () => {
  for (const uuid of onMtty) define(uuid, 'mtty', 'mtty-1', 'auto')
  define(display, 'mdpy', 'mdpy-vga', 'auto')
  define(byHand, 'mtty', 'mtty-2', 'manual')
  expect(vfioctl(['boot', 'install'])).toMatchObject({ status: 0 })
  expect(vfioctl(['restore'])).toMatchObject({ status: 0 })
  expect(active()).toEqual([...onMtty, display])
  const files = kept.flatMap(filesBelow).map((path) => [path, readFileSync(path, 'utf8')])
  writeFileSync('/run/vm/out/etc.json', JSON.stringify(Object.fromEntries(files)))
})
