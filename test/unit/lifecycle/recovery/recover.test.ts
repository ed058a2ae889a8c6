import { describe, expect, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { answersReads } from '../../../../src/host/pci-answers.ts'
import { Host } from '../../../../src/host.ts'
import type { ScenarioPciDevice } from '../../../../src/mock/scenario/scenario.ts'
import { createMockHost } from '../../../../src/mock.ts'
import { card, driverOf, openPci, pciKernel, pciScenario, toVfio } from '../../mock/pci/pci-scenario.ts'

const address = parsePciAddress(card)
const path = `/sys/bus/pci/devices/${card}`

/** The card alone on its bus, so that it can be reset with it. */
async function hungHost(more: Partial<ScenarioPciDevice>) {
  const change = (device: ScenarioPciDevice): ScenarioPciDevice =>
    device.address === card ? { ...device, behind: [], ...more } : device
  const kernel = pciKernel({ pci: pciScenario.pci.map(change) })
  await toVfio(kernel, card)
  return { kernel, host: new Host(kernel) }
}

describe('recover', () => {
  test.for([
    ['pm', ['pm helped']],
    ['bus', ['pm refused', 'bus helped']],
    ['rescan', ['pm refused', 'bus refused', 'rescan helped']],
  ] as const)('a device that hangs until %s is back after it, with its driver', async ([hungUntil, expected]) => {
    const { kernel, host } = await hungHost({ hungUntil })
    expect(answersReads(kernel, address)).toBe(false)
    const said: string[] = []
    const { answered, recovered, attempts } = await host.recover(
      { device: card },
      { onMessage: (line) => said.push(line) },
    )
    expect({ answered, recovered }).toEqual({ answered: false, recovered: true })
    expect(attempts.map(({ way, outcome }) => `${way} ${outcome}`)).toEqual(expected)
    expect(said.at(-1)).toMatch(new RegExp(`^${card}: trying ${hungUntil}: `))
    expect(answersReads(kernel, address)).toBe(true)
    expect(driverOf(kernel, card)).toBe('vfio-pci')
    expect(kernel.files.read(`${path}/driver_override`)).toBe('vfio-pci\n')
    expect(kernel.files.read(`${path}/reset_method`)).toBe('pm bus\n')
  })

  test('a device that answers gets a reset of the kernel’s, and is made anew only by force', async () => {
    const { kernel, host } = await hungHost({})
    const { ways, attempts } = await host.recover({ device: card })
    expect([ways.map((it) => it.way), attempts.map((it) => it.way)]).toEqual([['pm', 'bus'], ['pm']])
    await kernel.files.write(`${path}/reset_method`, '\n')
    await expect(host.recover({ device: card })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: `${card} answers, and the kernel has no reset of it`,
    })
    const forced = await host.recover({ device: card }, { force: true })
    expect(forced.attempts.map((it) => it.way)).toEqual(['rescan'])
  })

  test('a device that left the bus is looked for again if the scan was refused once', async () => {
    const change = (device: ScenarioPciDevice): ScenarioPciDevice =>
      device.address === card ? { ...device, hungUntil: 'rescan' } : device
    const mock = createMockHost({ ...pciScenario, pci: pciScenario.pci.map(change) })
    await toVfio(mock.kernel, card)
    mock.faults.fail({ call: 'files.write', path: '/sys/bus/pci/rescan' }, 'EIO')
    const { attempts, recovered } = await mock.host().recover({ device: card })
    expect(attempts.at(-1)).toMatchObject({ way: 'rescan', outcome: 'refused', leftChanged: null })
    expect(recovered).toBe(false)
    expect(driverOf(mock.kernel, card)).toBe('vfio-pci')
  })

  test('a virtual function that a vendor’s script makes has no way but resets of its own', async () => {
    await using host = createMockHost('gpu-host').host()
    await expect(host.recover({ device: '41:00.4' })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: 'the kernel has no way to reset 0000:41:00.4',
    })
  })

  test('dryRun says the ways and their writes, and makes none', async () => {
    const { kernel, host } = await hungHost({ hungUntil: 'pm' })
    const { ways, attempts, recovered, dryRun } = await host.recover({ device: card }, { dryRun: true })
    expect(ways.map((it) => it.way)).toEqual(['pm', 'bus', 'rescan'])
    expect(ways[1]?.steps).toEqual([
      { action: 'write', path: `${path}/reset_method`, value: 'bus' },
      { action: 'write', path: `${path}/reset`, value: '1' },
    ])
    expect({ attempts, recovered, dryRun }).toEqual({ attempts: [], recovered: false, dryRun: true })
    expect(answersReads(kernel, address)).toBe(false)
  })

  test('a device that a process has open is DEVICE_BUSY, and nothing is written', async () => {
    const { kernel, host } = await hungHost({ hungUntil: 'pm' })
    openPci(kernel, card)
    await expect(host.recover({ device: card })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    expect(answersReads(kernel, address)).toBe(false)
  })

  test.for([
    ['0000:00:05.0', 'NOT_SUPPORTED'],
    ['0000:7f:00.0', 'NOT_FOUND'],
    ['mtty', 'INVALID_ARGUMENT'],
  ])('%s is %s', async ([device = '', code]) => {
    const { host } = await hungHost({})
    await expect(host.recover({ device })).rejects.toMatchObject({ code })
  })

  test('of two on a bus, the first is not reset with the bus that it lists, and goes back to the order of the others', async () => {
    const behind = ['0000:00:05.0']
    const pci = pciScenario.pci.flatMap((device): ScenarioPciDevice[] => {
      if (device.address !== card) return device.behind === undefined ? [device] : []
      return [
        { ...device, behind, hungUntil: 'pm' },
        { ...device, behind, address: '0000:03:01.0', iommuGroup: 17 },
      ]
    })
    const kernel = pciKernel({ pci })
    expect(kernel.files.read(`${path}/reset_method`)).toBe('pm bus\n')
    const { attempts, ways } = await new Host(kernel).recover({ device: card })
    expect(ways.map(({ way }) => way)).toEqual(['pm', 'rescan'])
    expect(attempts).toMatchObject([{ way: 'pm', outcome: 'helped', leftChanged: null }])
    expect(kernel.files.read(`${path}/reset_method`)).toBe('pm\n')
  })

  test('an order of resets that was chosen is there again afterwards', async () => {
    const { kernel, host } = await hungHost({ hungUntil: 'pm' })
    await kernel.files.write(`${path}/reset_method`, 'bus pm')
    const { attempts } = await host.recover({ device: card })
    expect(attempts.map(({ way, outcome }) => `${way} ${outcome}`)).toEqual(['bus refused', 'pm helped'])
    expect(kernel.files.read(`${path}/reset_method`)).toBe('bus pm\n')
  })
})
