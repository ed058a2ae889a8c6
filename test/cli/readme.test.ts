import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { codeBlocks } from '../readme.ts'
import { program, vfioctl } from './vfioctl.ts'

const folder = mkdtempSync(join(tmpdir(), 'vfioctl-readme-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Each command that is shown at work on the simulated host, and what it says, line by line; `watch` says it for ever. */
const shown = codeBlocks('')
  .flatMap((block) => block.split(/^\$ /m).slice(1))
  .map((entry) => entry.trimEnd().split('\n'))
  .flatMap(([command = '', ...lines]) => (/^vfioctl (?!watch).*--mock/.test(command) ? [{ command, lines }] : []))

const specs = codeBlocks('yaml')

/** Things that happen at the same time are told as they come. */
function inAnyOrder(lines: readonly string[]): string[] {
  return lines.toSorted()
}

describe('what the README shows of the simulated host, one command after the other', () => {
  writeFileSync(join(folder, 'vgpus.yaml'), specs.find((spec) => spec.includes('bindings:')) ?? '')

  test('is more than a few commands', () => expect(shown.length).toBeGreaterThan(15))

  test.each(shown)('$command', ({ command, lines }) => {
    const script = `vfioctl() { "$NODE" "$PROGRAM" "$@"; }; ${command} 2>&1`
    const { PATH = '', HOME = '' } = process.env
    const env = { PATH, HOME, NODE: process.execPath, PROGRAM: program, XDG_STATE_HOME: folder }
    const { stdout } = spawnSync('sh', ['-c', script], { cwd: folder, env, encoding: 'utf8' })
    const said = stdout.trimEnd().split('\n')
    if (command.startsWith('vfioctl restore')) expect(inAnyOrder(said)).toEqual(inAnyOrder(lines))
    else expect(said).toEqual(lines)
  })

  test('its spec of Intel’s GPUs has a plan on a host with such cards', () => {
    const spec = specs.find((it) => it.includes('vram:')) ?? ''
    const { status, stdout } = vfioctl(['plan', '--mock=arc-pro', '-'], { input: spec })
    expect({ status, rows: stdout.match(/^create /gm)?.length }).toEqual({ status: 0, rows: 4 })
  })
})
