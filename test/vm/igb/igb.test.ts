import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Host } from '../../../src/host.ts'
import { openHost } from '../../../src/open-host.ts'
import { IgbVirtualFunction } from './virtual-function.ts'

const address = '0000:05:00.0'
const path = `/sys/bus/pci/devices/${address}`
const timeoutMs = 20_000
/** For experiments in a local network: no protocol of this number is parsed on the way. */
const etherType = [0x88, 0xb5]

interface Card {
  readonly host: Host
  /** Addresses of its virtual functions. */
  readonly functions: readonly string[]
}

/** The card with Linux's own driver, its link up, and with virtual functions that are gone after the test. */
async function cardWith({ skip }: TestContext, count: number): Promise<Card> {
  if (!existsSync(path)) skip("the machine's QEMU is older than its igb: 8.0")
  execFileSync('modprobe', ['-a', 'igb', 'igbvf'])
  const host = openHost()
  onTestFinished(() => host.close())
  const [netdev = ''] = readdirSync(`${path}/net`)
  execFileSync('busybox', ['ip', 'link', 'set', netdev, 'up'])
  const { functions } = await host.setVirtualFunctions({ device: address, count, transient: true })
  onTestFinished(async () => {
    await host.setVirtualFunctions({ device: address, count: 0, transient: true })
    execFileSync('busybox', ['ip', 'link', 'set', netdev, 'down'])
  })
  return { host, functions }
}

/** The function with vfio-pci and open, its interrupts enabled; the card's driver has reset it. */
async function startFunction({ host }: Card, device: string) {
  await host.bind({ device, transient: true })
  onTestFinished(async () => {
    await host.release({ device })
  })
  const opened = await host.openDevice(device)
  onTestFinished(() => opened.close())
  const irq = opened.irqs.msix.enable([0, 1, 2])
  const started = await IgbVirtualFunction.start(opened, irq)
  return { started, ethernet: await started.reset(timeoutMs) }
}

const driverOf = (device: string) => basename(readlinkSync(`/sys/bus/pci/devices/${device}/driver`))

test('igb has seven virtual functions, each in a group of its own, with the driver of its kind', async (context) => {
  const { functions } = await cardWith(context, 7)
  expect(functions).toHaveLength(7)
  expect(functions.map(driverOf)).toEqual(functions.map(() => 'igbvf'))
  const groups = functions.map((it) => readdirSync(`/sys/bus/pci/devices/${it}/iommu_group/devices`))
  expect(groups).toEqual(functions.map((it) => [it]))
  expect(readFileSync(`/sys/bus/pci/devices/${functions[0]}/device`, 'utf8')).toBe('0x10ca\n')
})

test("functions with vfio-pci are reset by their card's own driver, which says by MSI-X that they have no address yet", async (context) => {
  const card = await cardWith(context, 2)
  for (const function_ of card.functions) expect((await startFunction(card, function_)).ethernet).toBe(null)
})

test('a function with vfio-pci sends frames from a ring in DMA memory, beside a card that Linux has', async (context) => {
  const card = await cardWith(context, 1)
  const { started } = await startFunction(card, card.functions[0] ?? '')
  started.enableQueue()
  const everybody = new Uint8Array(6).fill(0xff)
  const own = [0x02, 0, 0, 0, 0, 0x01]
  // more than the ring has descriptors, so that it wraps
  for (let count = 0; count < 10; count++) {
    const frame = Uint8Array.of(...everybody, ...own, ...etherType, ...new Uint8Array(46 + count))
    expect(await started.send(frame, timeoutMs)).toBe(true)
  }
})
