import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { parsePciAddress } from '../../src/base/units.ts'
import { firmwareFramebuffer, firmwareFramebufferDriver, platformControl } from '../../src/host/display/boot-display.ts'
import { screenConsole } from '../../src/host/display/screen-console.ts'
import { openHost } from '../../src/index.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { bind } from '../../src/lifecycle/bindings/bind.ts'
import { vfioctl } from '../cli/vfioctl.ts'
import { stub } from '../unit/stub.ts'

/** QEMU's VGA, of which the firmware sets up a framebuffer if the machine begins in real mode (architectures.mjs). */
const display = parsePciAddress('0000:00:10.0')
const folder = `/sys/bus/pci/devices/${display}`
const hasScreen = existsSync(`${folder}/boot_vga`)

const isSimple = existsSync('/sys/bus/platform/devices/simple-framebuffer.0')

const kernel = openLinux({ runsPrograms: true })
const drawn = (path: string) => screenConsole(kernel.files, path)?.framebuffer ?? null
const problems = () => {
  const { findings } = JSON.parse(vfioctl(['doctor', display, '--json']).stdout)
  return findings.filter((it: { severity: string }) => it.severity === 'problem')
}

/** A driver of the framebuffer, and what the kernel calls them. */
interface Drawing {
  readonly module: string
  readonly driver: string
  /** Who holds the memory in /proc/iomem. */
  readonly holder: string
}

/** The kernel has one or the other: vesafb is built in, the two for any firmware's are modules. */
const drawings: readonly Drawing[] = isSimple
  ? ['simplefb', 'simpledrm'].map((module) => ({ module, driver: 'simple-framebuffer', holder: 'BOOTFB' }))
  : [{ module: 'vesafb', driver: 'vesa-framebuffer', holder: 'vesafb' }]

// What the kernel removes does not come back before the next boot: the order of these is that of a host's life.
describe.skipIf(!hasScreen).sequential('a display on which the firmware has set up the host’s screen', () => {
  const name = isSimple ? 'simple-framebuffer.0' : 'vesa-framebuffer.0'
  const platform = `/sys/bus/platform/devices/${name}`

  it.skipIf(!isSimple)('is held by its framebuffer before a driver of that has it', () => {
    expect(firmwareFramebuffer(kernel.files, display)).toMatchObject({
      name,
      driver: null,
      memory: { holder: 'BOOTFB' },
    })
    expect(drawn(platform)).toBe(null)
    expect(vfioctl(['bind', display])).toMatchObject({
      status: 5,
      stderr: expect.stringContaining(`the firmware's framebuffer ${name} holds its BAR 0 (BOOTFB)`),
    })
  })

  describe.each(drawings)('which $module draws', ({ module, driver, holder }) => {
    beforeAll(() => {
      if (!isSimple) return
      // both drivers have one name, and the console keeps the module of the one that draws it
      const before = firmwareFramebufferDriver(kernel.files, name)
      if (before !== null) writeFileSync(platformControl(before, 'unbind'), name)
      for (const other of drawings) spawnSync('rmmod', [other.module])
      execFileSync('modprobe', [module])
    })

    it('is seen: the framebuffer on its BAR 0, with the console, and the machine’s boot display', () => {
      expect(firmwareFramebuffer(kernel.files, display)).toMatchObject({ name, driver, memory: { holder, bar: 0 } })
      expect(drawn(platform)).toBe('fb0')
      expect(vfioctl(['groups', '--tree', display]).stdout).toMatch(/0000:00:10\.0 +1234:1111 +boot display/)
    })

    it('is not taken unasked, and stays as it was', () => {
      const { status, stderr } = vfioctl(['bind', display])
      expect(stderr).toContain(
        `the firmware's framebuffer ${name} holds its BAR 0 (${holder}), and the host's console is on it (fb0)`,
      )
      expect(status).toBe(5)
      expect(drawn(platform)).toBe('fb0')
    })

    it('is the host’s again if the bind fails', async () => {
      const failing = stub(kernel, {
        files: stub(kernel.files, {
          write: async (path, value) => {
            if (path === '/sys/bus/pci/drivers_probe') throw new Error('no')
            await kernel.files.write(path, value)
          },
        }),
      })
      await expect(bind(failing, { device: display, releaseFramebuffer: true })).rejects.toThrow(
        'the host has its screen again',
      )
      expect(firmwareFramebuffer(kernel.files, display)).toMatchObject({ driver })
      expect(drawn(platform)).toBe('fb0')
    })
  })

  it('goes to VFIO by the command that doctor prints, with all of its memory, and is kept so', async () => {
    const command = `vfioctl bind ${display} --release-framebuffer`
    expect(problems().map(({ id, commands }: { id: string; commands: string[] }) => [id, commands])).toEqual([
      ['wrong-driver', [command]],
      ['memory-held-by-framebuffer', [command]],
    ])
    expect(vfioctl(['bind', display, '--release-framebuffer'])).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('the host shows nothing on 0000:00:10.0'),
    })
    expect(problems()).toEqual([])
    expect(existsSync(platform)).toBe(false)
    expect(readFileSync(`/etc/vfioctl.d/bindings/${display}.json`, 'utf8')).toContain('"framebuffer": "release"')
    await using host = await openHost()
    await using device = await host.openDevice(display)
    const { bar0 } = device.regions
    bar0.write32(0, 0x12345678)
    expect(bar0.map().read32(0)).toBe(0x12345678)
  })

  it('with its own driver, which draws the console, is taken from it first, and given back whole', () => {
    const other = '0000:00:0a.0'
    onTestFinished(() => void vfioctl(['release', other]))
    // the same driver knows it, and the console would be there
    expect(vfioctl(['bind', other, 'none']).status).toBe(0)
    expect(vfioctl(['release', display]).status).toBe(0)
    execFileSync('modprobe', ['bochs'])
    expect(drawn(folder)).toBe('fb0')
    expect(vfioctl(['bind', display])).toMatchObject({
      status: 5,
      stderr: expect.stringMatching(/cannot take 0000:00:10\.0 from bochs-drm: .*the host's console is on it \(fb0\)/),
    })
    expect(vfioctl(['bind', display, '--release-framebuffer']).status).toBe(0)
    expect(drawn(folder)).toBe(null)
    expect(vfioctl(['release', display]).status).toBe(0)
    expect(drawn(folder)).toBe('fb0')
  })
})
