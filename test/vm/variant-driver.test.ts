// A driver of VFIO for just one kind of device, as vendors have them: the test's own, for edu (scripts/vm/edu_vfio_pci.c).
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

const built = process.env['VFIOCTL_VARIANT_DRIVER']
const modules = `/lib/modules/${release()}`
const installed = join(modules, 'extra/edu_vfio_pci.ko')
const edu = '0000:00:03.0'
const path = `/sys/bus/pci/devices/${edu}`
const specFile = '/run/variant.json'

function driver(): string | null {
  return existsSync(`${path}/driver`) ? basename(readlinkSync(`${path}/driver`)) : null
}

function isLoaded(): boolean {
  return existsSync('/sys/module/edu_vfio_pci')
}

function apply(binding: object) {
  writeFileSync(specFile, JSON.stringify({ version: 1, bindings: [{ device: edu, ...binding }] }))
  return vfioctl(['apply', specFile, '--yes'])
}

describe.skipIf(built === undefined)('edu, for which the kernel has edu-vfio-pci', () => {
  beforeAll(() => {
    mkdirSync(join(modules, 'extra'), { recursive: true })
    copyFileSync(built ?? '', installed)
    execFileSync('depmod')
  })
  afterEach(() => {
    vfioctl(['release', edu])
    if (isLoaded()) execFileSync('rmmod', ['edu_vfio_pci'])
  })
  afterAll(() => {
    rmSync(installed, { force: true })
    rmSync(specFile, { force: true })
    execFileSync('depmod')
  })

  it('depmod lists it by the alias that libvirt and vfioctl look for', () => {
    expect(readFileSync(join(modules, 'modules.alias'), 'utf8')).toContain(
      'alias vfio_pci:v00001234d000011E8sv*sd*bc*sc*i* edu_vfio_pci\n',
    )
  })

  it('bind chooses it before vfio-pci, loads its module and says so; VFIO opens the device through it', () => {
    expect(isLoaded()).toBe(false)
    const dry = vfioctl(['bind', edu, '--dry-run'])
    expect(dry.stderr).toContain(`VFIO's best driver for ${edu}`)
    expect(dry.stdout).toMatch(/^run \S+modprobe -- edu_vfio_pci\n/)
    expect(isLoaded()).toBe(false)
    expect(vfioctl(['bind', edu])).toMatchObject({
      status: 0,
      stderr: `${edu} is with edu-vfio-pci now (none had it)\n`,
    })
    expect(driver()).toBe('edu-vfio-pci')
    expect(vfioctl(['list', '--kept']).stdout).toMatch(/VFIO’s best driver +with edu-vfio-pci/)
    expect(vfioctl(['inspect', edu]).stdout).toMatch(
      /^driver +edu-vfio-pci\nbest driver +edu-vfio-pci\n +vfio-pci: .*\n/m,
    )
    // edu's identification register
    expect(vfioctl(['read', edu, 'bar0', '0'])).toMatchObject({ status: 0, stdout: '0x00000000: 0x010000ed\n' })
    const [group] = JSON.parse(vfioctl(['groups', edu, '--json']).stdout).groups
    expect(group).toMatchObject({ viable: true, devices: [{ driver: 'edu-vfio-pci', vfio: true }] })
  })

  it('by its name, vfio-pci has it, and stays kept', () => {
    expect(vfioctl(['bind', edu, '--driver', 'vfio-pci']).status).toBe(0)
    expect([driver(), isLoaded()]).toEqual(['vfio-pci', false])
    expect(vfioctl(['restore']).status).toBe(0)
    expect(driver()).toBe('vfio-pci')
  })

  it('release knows it as VFIO’s, and nothing has the device then', () => {
    expect(vfioctl(['bind', edu]).status).toBe(0)
    expect(vfioctl(['release', edu])).toMatchObject({
      status: 0,
      stderr: `${edu} is with no driver now (edu-vfio-pci had it)\n`,
    })
    expect(readFileSync(`${path}/driver_override`, 'utf8')).toBe('(null)\n')
  })

  it('a spec takes the best or the plain one, as it says, and restore takes the best that is kept', () => {
    expect(apply({ driver: 'vfio-pci' }).status).toBe(0)
    expect(driver()).toBe('vfio-pci')
    expect(apply({ driver: 'best' }).status).toBe(0)
    expect(driver()).toBe('edu-vfio-pci')
    expect(apply({}).stderr).toContain('nothing to do')
    // as after a boot: no driver has it, and the module is not loaded
    writeFileSync(`${path}/driver/unbind`, edu)
    writeFileSync(`${path}/driver_override`, '\n')
    execFileSync('rmmod', ['edu_vfio_pci'])
    expect(vfioctl(['restore']).stderr).toContain(`started: ${edu} with driver edu-vfio-pci`)
    expect(driver()).toBe('edu-vfio-pci')
  })
})
