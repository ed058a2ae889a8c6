import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'
import { list } from '../../src/lifecycle/kinds/list.ts'
import { define } from '../../src/lifecycle/kinds/mdev/define.ts'
import { start } from '../../src/lifecycle/kinds/mdev/start.ts'
import { applyPlan } from '../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../src/lifecycle/wanted/plan.ts'
import { program, vfioctl } from '../cli/vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1005'
const other = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1006'
const wanted = file('/run/wanted.json', {
  parents: [
    { parent: 'mtty', devices: [{ type: 'mtty-2', uuid }], others: 'remove' },
    { parent: 'mdpy', devices: [{ type: 'mdpy-vga', count: 1 }] },
    { parent: 'mbochs', devices: [{ type: 'mbochs-small', count: 1 }] },
  ],
})
const nothing = file('/run/nothing.json', {
  parents: ['mtty', 'mdpy', 'mbochs'].map((parent) => ({ parent, others: 'remove' })),
})

function file(path: string, spec: object): string {
  writeFileSync(path, JSON.stringify({ version: 1, ...spec }))
  return path
}

const kernel = openLinux()

function plan(path: string) {
  return makePlan(kernel, parseSpec(readFileSync(path, 'utf8'), path))
}

async function apply(path: string): Promise<void> {
  const { failed } = await applyPlan(kernel, plan(path))
  expect(failed).toEqual([])
}

beforeEach(() => apply(nothing))
afterEach(() => apply(nothing))

/** Running and defined devices, without the numbers that depend on the order of creation. */
function present() {
  const { devices, warnings } = list(kernel.files)
  expect(warnings).toEqual([])
  return devices.map(({ uuid, parent, type, active, definition }) => ({ uuid, parent, type, active, definition }))
}

/** Every definition's and every running device's own identity: what is made anew or written again has another. */
function identities(): string[] {
  const definitions = readdirSync('/etc/mdevctl.d', { recursive: true, encoding: 'utf8' })
  return [
    ...definitions.map((name) => `${name} ${lstatSync(join('/etc/mdevctl.d', name)).ino}`),
    ...present().map(({ uuid }) => `${uuid} ${statSync(`/sys/bus/mdev/devices/${uuid}`).ino}`),
  ]
}

function actions({ status, stdout }: { status: number | null; stdout: string }) {
  expect(status).toBe(0)
  const { entries, applied } = JSON.parse(stdout)
  return { actions: entries.map(({ action }: { action: string }) => action), applied }
}

describe('a spec file, on real parents', () => {
  it('is planned, applied, applied again without a write, and repaired after a drift', () => {
    const planned = actions(vfioctl(['plan', wanted, '--json']))
    expect(planned.actions).toEqual(['create', 'create', 'create'])
    expect(present()).toEqual([])

    expect(vfioctl(['apply', wanted])).toMatchObject({ status: 0 })
    const made = present()
    expect(made.map(({ type, active, definition }) => `${type} ${active} ${definition?.start}`).sort()).toEqual([
      'mbochs-small true auto',
      'mdpy-vga true auto',
      'mtty-2 true auto',
    ])

    const before = identities()
    const again = actions(vfioctl(['apply', wanted, '--json']))
    expect(again).toEqual({ actions: Array(3).fill('keep'), applied: null })
    expect(identities()).toEqual(before)

    const onParent = (parent: string) => made.find((device) => device.parent === parent)?.uuid ?? ''
    execFileSync('mdevctl', ['stop', '-u', uuid])
    execFileSync('mdevctl', ['modify', '-u', onParent('mdpy'), '--manual'])
    unlinkSync(`/etc/mdevctl.d/mbochs/${onParent('mbochs')}`)
    writeFileSync('/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create', other)
    expect(vfioctl(['apply', wanted, '--check'])).toMatchObject({ status: 10 })
    expect(vfioctl(['apply', wanted, '--yes'])).toMatchObject({ status: 0 })
    expect(present()).toEqual(made)
    expect(vfioctl(['apply', wanted, '--check'])).toMatchObject({ status: 0 })
  })

  it('comes to the same end when the process is killed after any of its writes, and applied again', async () => {
    /** There is something to create, to define, to make anew with another type, and to remove. */
    async function drift(): Promise<void> {
      await apply(nothing)
      await define(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
      await start(kernel, { uuid })
      await start(kernel, { uuid: other, parent: 'mdpy', type: 'mdpy-vga' })
      await start(kernel, { parent: 'mtty', type: 'mtty-2' })
    }
    await drift()
    await apply(wanted)
    const end = present()
    expect(end.map((device) => device.uuid)).toContain(other)

    const preload = join(import.meta.dirname, 'programs/die-after-write.cjs')
    for (let after = 1; ; after++) {
      await drift()
      const { status, signal, stderr } = spawnSync(
        process.execPath,
        ['--require', preload, program, 'apply', wanted, '--yes'],
        {
          env: { ...process.env, DIE_AFTER: `${after}` },
          encoding: 'utf8',
        },
      )
      if (status === 0) {
        expect(after).toBeGreaterThan(10)
        break
      }
      expect({ signal, stderr }).toMatchObject({ signal: 'SIGKILL' })
      await apply(wanted)
      expect(present()).toEqual(end)
      expect(isDone(plan(wanted))).toBe(true)
      expect(existsSync('/run/vfioctl/half-configured') ? readdirSync('/run/vfioctl/half-configured') : []).toEqual([])
    }
  }, 600_000)
})
