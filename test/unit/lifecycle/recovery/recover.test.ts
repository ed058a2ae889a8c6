import { describe, expect, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { answersReads } from '../../../../src/host/pci-answers.ts'
import { Host } from '../../../../src/host.ts'
import type { ScenarioPciDevice } from '../../../../src/mock/scenario/scenario.ts'
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

  test('a device that answers gets the first way alone, and one that has none is made anew', async () => {
    const { kernel, host } = await hungHost({})
    const way = async () => (await host.recover({ device: card })).attempts.map((it) => it.way)
    expect(await way()).toEqual(['pm'])
    await kernel.files.write(`${path}/reset_method`, '\n')
    expect(await way()).toEqual(['rescan'])
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

  test('an order of resets that was chosen is there again afterwards', async () => {
    const { kernel, host } = await hungHost({ hungUntil: 'pm' })
    await kernel.files.write(`${path}/reset_method`, 'bus pm')
    const { attempts } = await host.recover({ device: card })
    expect(attempts.map(({ way, outcome }) => `${way} ${outcome}`)).toEqual(['bus refused', 'pm helped'])
    expect(kernel.files.read(`${path}/reset_method`)).toBe('bus pm\n')
  })
})
