import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../../src/host.ts'
import { createMockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import { stub } from '../../../stub.ts'

const devices = '/sys/bus/pci/devices'

/** A card of the scenario gpu-host with its first functions, and two types that do not go together. */
const cards = {
  'NVIDIA’s own driver': {
    card: '0000:41:00.0',
    functions: ['0000:41:00.4', '0000:41:00.5', '0000:41:00.6', '0000:41:00.7'],
    big: { type: '1157', name: 'NVIDIA L40S-24Q', short: 'L40S-24Q', fits: 2 },
    small: '1147',
  },
  'the driver proposed for the kernel': {
    card: '0000:61:00.0',
    functions: ['0000:61:00.4', '0000:61:00.5', '0000:61:00.6', '0000:61:00.7'],
    big: { type: '1506', name: 'NVIDIA RTX Pro 6000 Blackwell DC-24Q', short: 'DC-24Q', fits: 4 },
    small: '1500',
  },
} as const

type Card = (typeof cards)[keyof typeof cards]

async function hostWith({ card }: Card): Promise<Host> {
  const host = new Host(createMockKernel('gpu-host'))
  onTestFinished(() => host[Symbol.asyncDispose]())
  if (card === '0000:61:00.0') await host.kernel.files.write(`${devices}/${card}/sriov_numvfs`, '6')
  return host
}

function current(host: Host, address: string): string {
  return host.kernel.files.read(`${devices}/${address}/nvidia/current_vgpu_type`).trim()
}

function offered(host: Host, parent: string): string[] {
  return host.types({ parent }).types.flatMap((type) => ((type.availableAtMost ?? 0) > 0 ? type.type : []))
}

describe.each(Object.entries(cards))('vGPUs with %s', (_, its) => {
  const { card, functions, big, small } = its
  const [first, second] = functions

  test('are offered as types by id and name, and by how many functions take one at most', async () => {
    const host = await hostWith(its)
    const { types } = host.types({ parent: card, type: big.type })
    expect(types).toMatchObject([
      {
        kind: 'vgpu',
        parent: card,
        type: big.type,
        name: big.name,
        available: null,
        devices: [],
        details: { framebufferMiB: 24576 },
      },
    ])
    expect(host.types({ parent: second }).types.map(({ parent }) => parent)).toContain(card)
  })

  test('start on any free function of the card, by the type’s id or a form of its name, and the sibling’s lists change after each', async () => {
    const host = await hostWith(its)
    const before = offered(host, card)
    const started = await host.start({ parent: card, type: big.short })
    expect(started).toMatchObject({
      kind: 'vgpu',
      name: first,
      uuid: null,
      parent: card,
      type: big.type,
      changed: true,
    })
    expect(offered(host, card)).toEqual([big.type])
    expect(before.length).toBeGreaterThan(1)
    for (let n = 1; n < big.fits; n++) await host.start({ parent: card, type: big.name })
    expect(offered(host, card)).toEqual([])
    expect(functions.slice(0, big.fits).map((address) => current(host, address))).toEqual(
      Array.from({ length: big.fits }, () => big.type),
    )
  })

  test('start on the function that is named, twice is once, and its name is known although no list has it any more', async () => {
    const host = await hostWith(its)
    expect(await host.start({ parent: second, type: big.type })).toMatchObject({ name: second, changed: true })
    expect(await host.start({ name: second, type: big.type })).toMatchObject({
      name: second,
      changed: false,
      steps: [],
    })
    expect(current(host, first)).toBe('0')
    for (let n = 1; n < big.fits; n++) await host.start({ parent: card, type: big.type })
    expect(host.list({ name: second }).devices).toMatchObject([
      {
        kind: 'vgpu',
        typeName: big.name,
        active: true,
        definition: null,
        node: expect.stringMatching(/^\/dev\/vfio\/\d+$/),
      },
    ])
  })

  test('dry: the exact write, and none made', async () => {
    const host = await hostWith(its)
    const path = `${devices}/${first}/nvidia/current_vgpu_type`
    const dry = { dryRun: true }
    expect(await host.start({ parent: card, type: big.type }, dry)).toMatchObject({
      steps: [{ action: 'write', path, value: big.type }],
    })
    expect(current(host, first)).toBe('0')
    await host.start({ parent: first, type: big.type })
    expect(await host.stop({ name: first }, dry)).toMatchObject({ steps: [{ action: 'write', path, value: '0' }] })
    expect(current(host, first)).toBe(big.type)
  })

  test('of a second type are refused by a card that takes one at a time, and the error says what holds it', async () => {
    const host = await hostWith(its)
    await host.start({ parent: first, type: big.type })
    const refused = {
      code: 'NO_INSTANCE_LEFT',
      message: expect.stringMatching(`takes one type at a time, and carries ${first} as ${big.name} \\(${big.type}\\)`),
      hint: expect.stringContaining(`vfioctl stop ${first}`),
      facts: { card, type: small, siblings: [{ device: first, type: big.type }] },
    }
    // the small type's name is not listed any more, and was noted
    const name = host.types({ parent: card, type: small }).types[0]?.name ?? small
    await expect(host.start({ parent: card, type: name })).rejects.toMatchObject(refused)
    await expect(host.start({ parent: second, type: small })).rejects.toMatchObject(refused)
    expect(current(host, second)).toBe('0')
  })

  test('beyond the card’s room are refused with those that take it', async () => {
    const host = await hostWith(its)
    for (let n = 0; n < big.fits; n++) await host.start({ parent: card, type: big.type })
    const free = big.fits === 2 ? functions[2] : '0000:61:01.0'
    for (const parent of [card, free]) {
      await expect(host.start({ parent, type: big.type })).rejects.toMatchObject({
        code: 'NO_INSTANCE_LEFT',
        message: expect.stringContaining(`there is no room beside ${first} as ${big.name}`),
      })
    }
  })

  test('do not become another type before they are stopped', async () => {
    const host = await hostWith(its)
    await host.start({ parent: first, type: big.type })
    await expect(host.start({ parent: first, type: small })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      hint: `vfioctl stop ${first} first`,
    })
    expect(current(host, first)).toBe(big.type)
    await host.stop({ name: first })
    expect(await host.start({ parent: first, type: small })).toMatchObject({ changed: true })
  })

  test('are never ended while a process has them open, which is named', async () => {
    const host = await hostWith(its)
    await host.start({ parent: first, type: big.type })
    const device = await host.openDevice(first)
    const busy = { code: 'DEVICE_BUSY', facts: { device: first, users: [{ pid: process.pid }] } }
    expect(host.list({ name: first }).devices).toMatchObject([{ users: [{ pid: process.pid }] }])
    await expect(host.stop({ name: first }, { dryRun: true })).rejects.toMatchObject(busy)
    await expect(host.stop({ name: first })).rejects.toMatchObject(busy)
    expect(current(host, first)).toBe(big.type)
    device.close()
    expect(await host.stop({ name: first })).toMatchObject({ name: first, type: big.type, changed: true })
    expect(current(host, first)).toBe('0')
    expect(await host.stop({ name: first })).toMatchObject({ changed: false, steps: [] })
  })

  test('are not made of a function whose group somebody has open: another is taken', async () => {
    const host = await hostWith(its)
    const group = host.kernel.files.readlink(`${devices}/${first}/iommu_group`).split('/').at(-1)
    const fd = host.kernel.open(`/dev/vfio/${group}`, 'rw')
    await expect(host.start({ parent: first, type: big.type })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    expect(await host.start({ parent: card, type: big.type })).toMatchObject({ name: second })
    host.kernel.close(fd)
  })

  test('are defined, modified and undefined by their function, in a place of our own, and started by it', async () => {
    const host = await hostWith(its)
    expect(await host.define({ parent: card, type: big.short, start: 'auto' })).toMatchObject({
      name: first,
      changed: true,
    })
    expect(await host.define({ name: first, type: big.type, start: 'auto' })).toMatchObject({ changed: false })
    await expect(host.define({ name: first, type: small })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(host.kernel.files.list('/etc/vfioctl.d/vgpus')).toEqual([`${first}.json`])
    expect(host.kernel.files.list('/etc/mdevctl.d')).toEqual([])
    expect(await host.define({ parent: card, type: big.type })).toMatchObject({ name: second })
    expect(await host.start({ parent: card, type: big.type })).toMatchObject({ name: functions[2] })
    expect(await host.start({ name: first })).toMatchObject({ name: first, type: big.type, changed: true })
    expect(await host.modify({ name: first, start: 'manual' })).toMatchObject({ changed: true })
    expect(host.list({ name: first }).devices).toMatchObject([
      { active: true, definition: { type: big.type, start: 'manual', attributes: [] } },
    ])
    expect(await host.undefine({ name: first })).toMatchObject([{ changed: true, type: big.type }])
    expect(current(host, first)).toBe(big.type)
    expect(await host.define({ name: first })).toMatchObject({ type: big.type, changed: true })
  })
})

describe('what only NVIDIA’s own driver has', () => {
  const { card, functions, big } = cards['NVIDIA’s own driver']
  const [first] = functions

  test('vgpu_params are written after the type, with the newline that the driver eats', async () => {
    const host = await hostWith(cards['NVIDIA’s own driver'])
    const attributes = [{ name: 'nvidia/vgpu_params', value: 'enable_uvm=1' }]
    const { steps } = await host.start({ parent: card, type: big.type, attributes })
    expect(steps.map((step) => 'value' in step && step.value)).toEqual([big.type, 'enable_uvm=1\n'])
    expect(host.kernel.files.read(`${devices}/${first}/nvidia/vgpu_params`)).toBe('enable_uvm=1\n')
  })

  test('where an attribute fails, the function has no type again', async () => {
    const host = await hostWith(cards['NVIDIA’s own driver'])
    const attributes = [{ name: 'nvidia/no_such', value: '1' }]
    await expect(host.start({ parent: card, type: big.type, attributes })).rejects.toMatchObject({
      code: 'ATTRIBUTE_FAILED',
      message: expect.stringContaining('the device was removed again'),
      facts: { device: first, attribute: 'nvidia/no_such', remains: false },
    })
    expect(current(host, first)).toBe('0')
  })
})

test('the names of a card’s types reach the disk together', async () => {
  const host = await hostWith(cards['NVIDIA’s own driver'])
  const { kernel } = host
  const synced: string[] = []
  const syncDirectory = (path: string) => {
    synced.push(path)
    kernel.files.syncDirectory(path)
  }
  const counting = new Host(stub(kernel, { files: stub(kernel.files, { syncDirectory }) }))
  const names = '/var/lib/vfioctl/vgpu-types'
  await counting.start({ parent: '41:00.0', type: '1157' })
  expect(kernel.files.list(names)).toHaveLength(7)
  expect(synced).toEqual([names])
})

describe('a card that offers no vGPUs says why', () => {
  test.each([
    ['0000:61:00.0', 'the card has none yet', 'vfioctl sriov 0000:61:00.0 48'],
    ['0000:99:00.4', 'there is no PCI device', null],
    ['0000:82:00.0', 'neither a card with virtual functions nor one of those', null],
  ])('%s: %s', async (name, because, hint) => {
    const host = await hostWith(cards['NVIDIA’s own driver'])
    const error = await host.stop({ name }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ message: expect.stringContaining(because) })
    if (hint !== null) expect(error).toMatchObject({ code: 'NOT_SUPPORTED', hint })
  })

  test('functions without a driver, or with vfio-pci', async () => {
    const { card, functions } = cards['the driver proposed for the kernel']
    const host = await hostWith(cards['the driver proposed for the kernel'])
    const { files } = host.kernel
    const [first] = functions
    await files.write(`${devices}/${first}/driver/unbind`, first)
    await expect(host.start({ parent: first, type: '1500' })).rejects.toMatchObject({
      message: expect.stringContaining(`no driver has its virtual function ${first}`),
    })
    expect(await host.start({ parent: card, type: '1500' })).toMatchObject({ name: functions[1] })
    await expect(host.start({ parent: card, type: '99' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
