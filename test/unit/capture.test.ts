import { describe, expect, onTestFinished, test } from 'vitest'
import type { Host } from '../../src/host.ts'
import { openHost } from '../../src/index.ts'
import { readScenario } from '../../src/mock/scenario/read-scenario.ts'
import type { ScenarioName } from '../../src/mock/shipped/names.ts'
import type { Scenario } from '../../src/mock.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

function opened(mock: ScenarioName | Scenario): Host {
  const host = openHost({ mock })
  onTestFinished(() => host.close())
  return host
}

/** The recording as it comes back from its file. */
async function replayed(host: Host, request: Parameters<Host['capture']>[0] = {}): Promise<Host> {
  const { scenario } = await host.capture(request)
  return opened(readScenario(JSON.stringify(scenario), 'captured.json'))
}

async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    return error
  }
}

/** The answers of everything that reads, of all devices and of each. */
async function answersOf(host: Host): Promise<Record<string, unknown>> {
  const { groups, withoutGroup } = host.groups()
  const devices = [...groups.flatMap((group) => group.devices), ...withoutGroup].map(({ bus, name }) => {
    return bus === 'pci' || bus === 'mdev' ? name : `${bus}/${name}`
  })
  // 32 virtual functions answer alike
  const some = devices.filter((_, index) => index < 8 || index % 8 === 0)
  const each = some.map(async (device) => ({
    device,
    group: host.groups({ device }),
    topology: await host.topology({ device }),
    doctor: await settled(host.doctor({ devices: [device] })),
    libvirt: await settled(host.guest.libvirtXml([device])),
    qemu: await settled(host.guest.qemuArguments([device])),
    cdi: await settled(host.guest.cdiSpec([device])),
  }))
  return {
    types: host.types(),
    list: host.list(),
    groups: host.groups(),
    topology: await host.topology(),
    functions: host.physicalFunctions(),
    doctor: await host.doctor(),
    ofGuest: await host.doctor({ guestMemory: 2 ** 40 }),
    status: await host.boot.status(),
    kept: await host.boot.kept(),
    report: await host.report(),
    each: await Promise.all(each),
  }
}

async function madeBusy(name: ScenarioName): Promise<Host> {
  const host = opened(name)
  if (name === 'demo') {
    await host.define({ name: uuid, parent: 'mtty', type: 'mtty-2', start: 'auto' })
    await host.start({ name: uuid })
    await host.bind({ device: '0000:00:1f.6' })
  }
  if (name === 'gpu-host' || name === 'a40-host')
    await host.setVirtualFunctions({ device: '0000:41:00.0', count: 'all' })
  if (name === 'arc-pro') await host.setVirtualFunctions({ device: '0000:03:00.0', count: 2 })
  if (name === 'mainframe') await host.bind({ device: 'css/0.0.0314' })
  return host
}

test.each(['demo', 'gpu-host', 'a40-host', 'blackwell', 'arc-pro', 'instinct', 'mainframe'] as const)(
  'whatever reads says of the recorded %s what it says of the host',
  async (name) => {
    const host = await madeBusy(name)
    const answers = await answersOf(host)
    expect(await answersOf(await replayed(host))).toEqual(answers)
  },
)

describe('a device that is named', () => {
  test('is inspected as on the host', async () => {
    const host = await madeBusy('demo')
    const devices = [uuid, '0000:00:1f.6']
    const replay = await replayed(host, { devices })
    for (const device of devices) expect(await replay.inspect(device)).toEqual(await host.inspect(device))
  })

  test('has its configuration space read by any width, and no more', async () => {
    const host = await madeBusy('demo')
    await using device = await (await replayed(host, { devices: ['00:1f.6'] })).openDevice('00:1f.6')
    expect(device.regions.config.read16(0)).toBe(0x8086)
    expect(device.regions.config.read32(0)).toBe(0x15bc8086)
    expect(() => device.regions.config.write16(4, 2)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    await expect(device.reset()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await expect(device.dma.allocate(4096)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('must be there, and with VFIO', async () => {
    const host = await madeBusy('demo')
    await expect(host.capture({ devices: ['0000:ff:00.0'] })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(host.capture({ devices: ['0000:00:1f.3'] })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('that is in use is not seen, and the rest is', async () => {
    const host = await madeBusy('demo')
    await using _held = await host.openDevice(uuid)
    const { scenario, unseen } = await host.capture({ devices: [uuid, '00:1f.6'] })
    expect(unseen).toContainEqual({ path: uuid, message: expect.stringMatching(/could not be opened/) })
    const replay = opened(scenario)
    await expect(replay.inspect(uuid)).rejects.toMatchObject({ code: 'DEVICE_BUSY', errno: 'EBUSY' })
    expect((await replay.inspect('00:1f.6')).device.name).toBe('0000:00:1f.6')
  })
})

test('devices of VFIO that are not named are told, and do not open later', async () => {
  const host = await madeBusy('demo')
  const { scenario, notOpened } = await host.capture()
  expect(notOpened.toSorted()).toEqual(['0000:00:1f.6', uuid])
  await expect(opened(scenario).inspect(uuid)).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    hint: expect.stringContaining('vfioctl capture'),
  })
})

test('nothing can be changed on a recorded host, not even for show', async () => {
  const replay = await replayed(await madeBusy('demo'))
  const changes = [
    replay.start({ parent: 'mtty', type: 'mtty-1' }),
    replay.stop({ name: uuid }),
    replay.bind({ device: '0000:00:1f.3' }, { dryRun: true }),
    replay.release({ device: '0000:00:1f.6' }),
    replay.define({ parent: 'mtty', type: 'mtty-1' }),
    replay.undefine({ name: uuid }),
    replay.modify({ name: uuid, start: 'manual' }),
    replay.setVirtualFunctions({ device: '0000:41:00.0', count: 1 }),
    replay.recover({ device: '0000:00:1f.6' }),
    replay.restore(),
    replay.boot.install({ program: ['/usr/bin/vfioctl'] }),
    replay.boot.remove(),
    replay.guest.attachToDomain([uuid], { domain: 'web1' }),
    replay.capture(),
  ]
  const outcomes = await Promise.allSettled(changes)
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { code: 'NOT_SUPPORTED', message: expect.stringMatching(/record/) },
    })
  }
})
