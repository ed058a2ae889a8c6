import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../../src/host.ts'
import { applyPlan } from '../../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../../src/lifecycle/spec/parse-spec.ts'
import { createMockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import { createMockHost } from '../../../../../src/mock.ts'
import { uuids } from '../../../host-tree.ts'

// An A40 before vGPU 17: its virtual functions are the parents of its mediated devices.
const a40 = '0000:41:00.0'
const t4 = '0000:3b:00.0'
const qat = '0000:b1:00.0'
const sriovSettings = '/etc/vfioctl.d/sriov'

function a40Host(): Host {
  const host = new Host(createMockKernel('a40-host'))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

async function withFunctions(): Promise<Host> {
  const host = a40Host()
  await host.setVirtualFunctions({ device: a40, count: 'all' })
  return host
}

describe('a card whose virtual functions are parents', () => {
  test('has them once they are made, and the number is kept', async () => {
    const host = a40Host()
    const change = await host.setVirtualFunctions({ device: a40, count: 'all', timeoutMs: 1000 })
    expect(change).toMatchObject({ count: 16, changed: true })
    expect(host.kernel.files.list(sriovSettings)).toEqual([`${a40}.json`])
  })

  test('is told to have them while it has none, by what lists and by what makes', async () => {
    const host = a40Host()
    const { types, warnings } = host.types()
    expect(new Set(types.map(({ parent }) => parent))).toEqual(new Set([t4]))
    expect(warnings).toMatchObject([{ message: expect.stringContaining(`vfioctl sriov ${a40} 16`) }])
    const made = { code: 'NOT_SUPPORTED', hint: `vfioctl sriov ${a40} 16` }
    await expect(host.start({ parent: a40, type: 'A40-8Q' })).rejects.toMatchObject(made)
  })

  test('may be named: each device takes the next free function, until the card has no room', async () => {
    const host = await withFunctions()
    const made = [
      await host.start({ parent: '41:00.0', type: 'A40-12Q' }),
      await host.start({ parent: a40, type: 'nvidia-564' }),
    ]
    expect(made.map(({ parent }) => parent)).toEqual(['0000:41:00.4', '0000:41:00.5'])
    const both = await Promise.all([1, 2].map(() => host.start({ parent: a40, type: 'A40-12Q' })))
    expect(both.map(({ parent }) => parent).sort()).toEqual(['0000:41:00.6', '0000:41:00.7'])
    await expect(host.start({ parent: a40, type: 'A40-12Q' })).rejects.toMatchObject({
      code: 'NO_INSTANCE_LEFT',
      message: expect.stringMatching(/^0000:41:00\.0 has no room .*held by .* on 0000:41:00\.4/),
      hint: expect.stringContaining(`vfioctl types -p ${a40}`),
    })
    expect(host.list({ parent: a40 }).devices).toHaveLength(4)
    expect(host.list({ parent: '41:00.5' }).devices).toHaveLength(1)
  })

  test('takes one type at a time', async () => {
    const host = await withFunctions()
    await host.start({ parent: a40, type: 'A40-12Q' })
    await expect(host.start({ parent: a40, type: 'A40-8Q' })).rejects.toMatchObject({ code: 'NO_INSTANCE_LEFT' })
  })

  test('has definitions on functions that have none, which are found again by the card’s name', async () => {
    const host = await withFunctions()
    const [name = '', other = ''] = uuids
    expect(await host.define({ name, parent: a40, type: 'A40-8Q' })).toMatchObject({ parent: '0000:41:00.4' })
    expect(await host.define({ name, parent: a40, type: 'A40-8Q' })).toMatchObject({ changed: false })
    expect(await host.define({ name: other, parent: a40, type: 'A40-8Q' })).toMatchObject({ parent: '0000:41:00.5' })
    expect(await host.start({ parent: a40, type: 'A40-8Q' })).toMatchObject({ parent: '0000:41:00.6' })
    expect(await host.start({ name, parent: a40 })).toMatchObject({ parent: '0000:41:00.4', changed: true })
    expect(await host.stop({ name, parent: a40 })).toMatchObject({ changed: true })
    expect(await host.undefine({ name, parent: a40 })).toMatchObject([{ parent: '0000:41:00.4' }])
    await expect(host.stop({ name: other, parent: t4 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('can be defined for before it has functions, and restore brings all of it up', async () => {
    const mock = createMockHost('a40-host')
    const host = mock.host()
    const name = uuids[0]
    const wanted = { name, parent: a40, type: 'nvidia-563', start: 'auto', force: true } as const
    expect(await host.define(wanted)).toMatchObject({ parent: '0000:41:00.4' })
    await host.setVirtualFunctions({ device: a40, count: 'all' })
    const { results } = await host.restore()
    expect(results.map(({ error }) => error)).toEqual([null, null])
    expect(host.list({ active: true }).devices).toMatchObject([{ name, parent: '0000:41:00.4' }])
    await host[Symbol.asyncDispose]()
  })

  test('is one place in a spec file: its devices are spread over its functions', async () => {
    const host = await withFunctions()
    const text = `version: 1\nparents:\n  - parent: 41:00.0\n    devices: [{ type: A40-12Q, count: 2 }, { type: A40-12Q, uuid: ${uuids[0]} }]\n`
    const spec = parseSpec(text, 'spec.yaml')
    await applyPlan(host.kernel, makePlan(host.kernel, spec))
    expect(host.list({ parent: a40 }).devices.map(({ parent }) => parent)).toEqual([
      '0000:41:00.4',
      '0000:41:00.5',
      '0000:41:00.6',
    ])
    expect(makePlan(host.kernel, spec).entries.every(({ action }) => action === 'keep')).toBe(true)
  })
})

describe('of drivers that make other virtual functions than they are asked for', () => {
  test('a T4’s makes none, and nobody is told to ask', async () => {
    const host = a40Host()
    const refused = { code: 'NOT_SUPPORTED', hint: expect.stringContaining(`vfioctl types -p ${t4}`) }
    await expect(host.setVirtualFunctions({ device: t4, count: 'all' })).rejects.toMatchObject(refused)
    expect(host.types({ parent: t4 }).warnings).toEqual([])
    expect(await host.start({ parent: t4, type: 'T4-16Q' })).toMatchObject({ parent: t4 })
    const full = await host.start({ parent: t4, type: 'T4-16Q' }).catch((error: unknown) => error)
    expect(JSON.stringify(full)).not.toContain('sriov')
  })

  test('a QAT card’s makes all: what was asked for is kept, and asking again ends nothing', async () => {
    const host = a40Host()
    expect(await host.setVirtualFunctions({ device: qat, count: 4 })).toMatchObject({ asked: 4, count: 16 })
    expect(JSON.parse(host.kernel.files.read(`${sriovSettings}/${qat}.json`))).toEqual({
      count: 4,
      made: 16,
      vendor: '0x8086',
      device: '0x37c8',
    })
    expect(await host.setVirtualFunctions({ device: qat, count: 4 })).toMatchObject({ count: 16, changed: false })
    const spec = parseSpec(`version: 1\nparents:\n  - { parent: "${qat}", sriov: 4 }\n`, 'spec.yaml')
    expect(makePlan(host.kernel, spec).sriov).toMatchObject([{ action: 'keep' }])
  })

  test.each([
    ['ENOMEM', /MMIO.*firmware/, /Above 4G decoding.*pci=realloc/],
    ['EBUSY', /another made meanwhile/, /dmesg/],
    ['EINVAL', /all 16 or none/, new RegExp(`vfioctl sriov ${qat} all`)],
    ['EIO', /does not answer/, /firmware/],
  ])('%s is explained', async (errno, why, hint) => {
    const mock = createMockHost('a40-host')
    mock.faults.fail({ call: 'files.write', path: /sriov_numvfs/ }, errno)
    await expect(mock.host().setVirtualFunctions({ device: qat, count: 8 })).rejects.toMatchObject({
      errno,
      message: expect.stringMatching(why),
      hint: expect.stringMatching(hint),
    })
  })
})
