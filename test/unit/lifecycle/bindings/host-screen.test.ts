import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { firmwareFramebuffer, isBootDisplay } from '../../../../src/host/display/boot-display.ts'
import { boundDriver } from '../../../../src/host/group-members.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { bindKept } from '../../../../src/lifecycle/bindings/bind-kept.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { stub } from '../../stub.ts'

const display = parsePciAddress('0000:00:10.0')
const driven = '/sys/bus/platform/drivers/efi-framebuffer'
const name = 'efi-framebuffer.0'

interface Machine extends Pick<Scenario, 'kernel' | 'disk'> {
  readonly class?: string
  readonly own?: string | null
  readonly framebuffer?: 'efi-framebuffer' | 'simple-framebuffer'
}

/** QEMU's standard VGA, of which the firmware has set up a framebuffer. */
function machine({
  class: its = '0x030000',
  own = null,
  framebuffer = 'efi-framebuffer',
  ...others
}: Partial<Machine> = {}) {
  const host = createMockHost({
    name: 'screen',
    modules: { vfio: {}, vfio_iommu_type1: {}, vfio_pci: {}, ...(own === null ? {} : { bochs: {} }) },
    parents: [],
    ...others,
    disk: { '/etc': null, ...others.disk },
    framebuffer: { device: display, driver: framebuffer, bytes: 800 * 600 * 4 },
    pci: [
      {
        address: display,
        vendor: '0x1234',
        device: '0x1111',
        subsystemVendor: '0x1af4',
        subsystemDevice: '0x1100',
        class: its,
        revision: '0x02',
        driver: own,
        iommuGroup: 4,
        numaNode: -1,
        function: {
          kind: 'memory',
          configSize: 256,
          config: { '0x04': '03010000', '0x10': '080000fd000000000040b1fe' },
          bars: { '0': 0x100_0000, '2': 0x1000 },
          rom: 0,
          reset: false,
        },
      },
    ],
  })
  onTestFinished(() => host.kernel.dispose())
  return host
}

describe('a display that shows the host’s console', () => {
  test.each(['6.1', '6.12', '7'] as const)('on Linux %s, sysfs and /proc/iomem tell of it', (kernel) => {
    const { files } = machine({ kernel }).kernel
    expect(isBootDisplay(files, display)).toBe(true)
    expect(firmwareFramebuffer(files, display)).toEqual({
      name,
      driver: 'efi-framebuffer',
      memory: { line: '4000000000-40001d4fff : efifb', holder: 'efifb', bar: 0 },
    })
  })

  test('addresses that are hidden leave the BAR unknown, and the framebuffer known', () => {
    const hidden =
      '00000000-00000000 : PCI Bus 0000:00\n  00000000-00000000 : 0000:00:10.0\n    00000000-00000000 : efifb\n'
    const { files } = machine().kernel
    const seen = stub(files, { read: (path) => (path === '/proc/iomem' ? hidden : files.read(path)) })
    expect(firmwareFramebuffer(seen, display)).toMatchObject({ name, memory: { bar: null } })
  })

  test('is not taken unasked', async () => {
    const { kernel, inspect } = machine()
    await expect(bind(kernel, { device: display })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message:
        "cannot take 0000:00:10.0 from the host: the firmware's framebuffer efi-framebuffer.0 holds its BAR 0 (efifb), " +
        "and the host's console is on it (fb0)",
      hint: expect.stringContaining('vfioctl bind 0000:00:10.0 --release-framebuffer'),
    })
    expect(inspect.writes).toEqual([])
  })

  test('is released first if that is asked, and so at every boot', async () => {
    const { kernel, inspect } = machine()
    const said: string[] = []
    const [change] = await bind(
      kernel,
      { device: display, releaseFramebuffer: true },
      { onMessage: (it) => said.push(it) },
    )
    expect(change).toMatchObject({ to: 'vfio-pci', changed: true })
    expect(inspect.writes.map(({ path }) => path)).toEqual([
      `${driven}/unbind`,
      `/sys/bus/pci/devices/${display}/driver_override`,
      '/sys/bus/pci/drivers_probe',
    ])
    expect(change?.steps[0]).toEqual({ action: 'write', path: `${driven}/unbind`, value: name })
    expect(keptBindings.read(kernel.files, display)).toMatchObject({ driver: 'best', framebuffer: 'release' })
    expect(said).toEqual([expect.stringContaining(`the host shows nothing on ${display}`)])

    // what is kept stays kept when it is bound again
    await bind(kernel, { device: display })
    expect(keptBindings.read(kernel.files, display)).toMatchObject({ framebuffer: 'release' })
  })

  test('what is kept with it is restored with it, and what is kept without it is refused', async () => {
    const { kernel } = machine()
    const device = { bus: 'pci', name: display } as const
    const kept = { driver: 'best', vendor: '0x1234', device: '0x1111' }
    await expect(bindKept(kernel, device, kept, {})).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    await bindKept(kernel, device, { ...kept, framebuffer: 'release' }, {})
    expect(boundDriver(kernel.files, `/sys/bus/pci/devices/${display}/driver`)).toBe('vfio-pci')
    expect(firmwareFramebuffer(kernel.files, display)).toBeNull()
  })

  test('--force takes it as it is: the kernel removes the framebuffer of a VGA device, and of no other', async () => {
    for (const [its, left] of [
      ['0x030000', null],
      ['0x038000', { name, driver: 'efi-framebuffer', memory: expect.objectContaining({ bar: 0 }) }],
    ] as const) {
      const { kernel } = machine({ class: its })
      await bind(kernel, { device: display }, { force: true })
      expect(firmwareFramebuffer(kernel.files, display)).toEqual(left)
    }
  })

  test('the host has its screen again if the bind fails', async () => {
    const { kernel, faults, inspect } = machine()
    faults.fail({ call: 'files.write', path: '/sys/bus/pci/drivers_probe' }, 'EIO')
    await expect(bind(kernel, { device: display, releaseFramebuffer: true })).rejects.toMatchObject({
      errno: 'EIO',
      message: expect.stringContaining('the host has its screen again'),
    })
    expect(inspect.writes.at(-1)?.path).toBe(`${driven}/bind`)
    expect(firmwareFramebuffer(kernel.files, display)).toMatchObject({ driver: 'efi-framebuffer' })
    expect(keptBindings.list(kernel.files).settings).toEqual([])
  })

  test('a framebuffer that lets go late leaves nothing changed', async () => {
    const { kernel, faults } = machine()
    faults.fail({ call: 'files.write', path: `${driven}/unbind` }, 'EIO')
    await expect(bind(kernel, { device: display, releaseFramebuffer: true })).rejects.toMatchObject({
      errno: 'EIO',
      message: expect.stringContaining(`cannot take the screen on ${display} from the host`),
    })
    expect(firmwareFramebuffer(kernel.files, display)).toMatchObject({ driver: 'efi-framebuffer' })
  })

  test('memory that belongs to the framebuffer itself is held all the same, and that is said', async () => {
    const { kernel } = machine({ class: '0x038000', framebuffer: 'simple-framebuffer' })
    const said: string[] = []
    await bind(kernel, { device: display, releaseFramebuffer: true }, { onMessage: (it) => said.push(it) })
    expect(said).toContainEqual(
      expect.stringMatching(/holds its BAR 0 \(BOOTFB\) all the same.*initcall_blacklist=sysfb_init/),
    )
  })
})

describe('a display whose own driver draws the console', () => {
  const console = '/sys/class/vtconsole/vtcon1/bind'

  test('is in use', async () => {
    const { kernel } = machine({ own: 'bochs' })
    await expect(bind(kernel, { device: display })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: expect.stringContaining("cannot take 0000:00:10.0 from bochs: the host's console is on it (fb0)"),
    })
  })

  test('the console is taken from it first, and given back if the bind fails', async () => {
    const { kernel, faults, inspect } = machine({ own: 'bochs' })
    faults.fail({ call: 'files.write', path: '/sys/bus/pci/drivers_probe' }, 'EIO')
    await expect(bind(kernel, { device: display, releaseFramebuffer: true })).rejects.toMatchObject({ errno: 'EIO' })
    expect(inspect.writes[0]).toMatchObject({ path: console })
    expect(kernel.files.read(console)).toBe('1\n')
    await bind(kernel, { device: display, releaseFramebuffer: true })
    expect(boundDriver(kernel.files, `/sys/bus/pci/devices/${display}/driver`)).toBe('vfio-pci')
  })
})
