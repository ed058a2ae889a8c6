import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openHost } from '../../src/open-host.ts'

/** An edu behind a root port of its own, which no other test needs: QEMU takes away what is in a slot without power. */
const address = '0000:06:00.0'
const path = `/sys/bus/pci/devices/${address}`
const slots = '/sys/bus/pci/slots'

/** The slot of a device's bus, as /sys/bus/pci/slots names it. */
function slotOf(device: string): string | undefined {
  const place = device.replace(/\.\d$/, '\n')
  return readdirSync(slots).find((it) => readFileSync(`${slots}/${it}/address`, 'utf8') === place)
}

test.skipIf(!existsSync(path))(
  'a slot that loses its power waits for who has its device, who is asked by req; then device and group are gone',
  async () => {
    const slot = slotOf(address)
    const host = openHost()
    onTestFinished(() => host.close())
    await host.bind({ device: address, transient: true })
    const group = basename(readlinkSync(`${path}/iommu_group`))
    const device = await host.openDevice(address)
    onTestFinished(() => device.close())
    const irq = device.irqs.get('req').enable([0])
    let isOff = false
    const off = writeFile(`${slots}/${slot}/power`, '0').then(() => {
      isOff = true
    })
    expect(await irq.next({ timeoutMs: 20_000 })).toEqual({ vector: 0, count: 1 })
    expect([isOff, existsSync(path)]).toEqual([false, true])
    device.close()
    await off
    expect([path, `/sys/kernel/iommu_groups/${group}`, `/dev/vfio/${group}`].map((it) => existsSync(it))).toEqual([
      ...[false, false, false],
    ])
    expect(readFileSync(`${slots}/${slot}/adapter`, 'utf8')).toBe('0\n')
    await expect(host.openDevice(address)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  },
  60_000,
)
