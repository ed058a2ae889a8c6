// The kernel's own driver of VFIO for one kind of device, from Linux 6.8 on, and a network card of virtio's that has no
// admin queue: nothing of it can migrate then.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { readVfioAliases } from '../../src/host/variants/vfio-aliases.ts'
import { openHost } from '../../src/index.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { vfioctl } from '../cli/vfioctl.ts'

const card = '0000:05:00.0'
const path = `/sys/bus/pci/devices/${card}`
const driver = () => basename(readlinkSync(`${path}/driver`))
const idOf = () => (existsSync(path) ? readFileSync(`${path}/device`, 'utf8').trim() : null)
const isLoaded = () => existsSync('/sys/module/virtio_vfio_pci')

/** The kernel has the driver, and the machine the card (architectures.mjs). */
const hasBoth =
  readVfioAliases(openLinux().files).aliases.some(({ module }) => module === 'virtio_vfio_pci') && idOf() === '0x1041'

describe.skipIf(!hasBoth)('a virtio network card', () => {
  afterEach(() => {
    vfioctl(['release', card])
    if (isLoaded()) execFileSync('rmmod', ['virtio_vfio_pci'])
  })

  it('is bound to virtio_vfio_pci, whose module is loaded for it, and given back to virtio-pci', async () => {
    expect([driver(), isLoaded()]).toEqual(['virtio-pci', false])
    const dry = vfioctl(['bind', card, '--dry-run'])
    expect(dry.stdout).toMatch(/^run \S+modprobe -- virtio_vfio_pci\n/)
    expect(dry.stderr).toContain(
      `virtio_vfio_pci is VFIO's best driver for ${card}: live migration of virtual functions`,
    )
    expect(vfioctl(['bind', card])).toMatchObject({
      status: 0,
      stderr: `${card} is with virtio_vfio_pci now (virtio-pci had it)\n`,
    })
    expect(driver()).toBe('virtio_vfio_pci')

    await using host = openHost()
    await using device = await host.openDevice(card)
    expect(device.pci.configSpace().header.vendorId).toBe(0x1af4)
    // without the admin queue it is what vfio-pci would make of it
    expect(() => device.migration.state).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    await device.close()

    expect(vfioctl(['release', card])).toMatchObject({
      status: 0,
      stderr: `${card} is with virtio-pci now (virtio_vfio_pci had it)\n`,
    })
    expect(readFileSync(`${path}/driver_override`, 'utf8')).toBe('(null)\n')
  })

  it('is vfio-pci’s by name, and the module of the other is left alone', () => {
    expect(vfioctl(['bind', card, '--driver', 'vfio-pci'])).toMatchObject({ status: 0 })
    expect([driver(), isLoaded()]).toEqual(['vfio-pci', false])
  })
})
