import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

// alarmtimer has no probe function: it takes any device that it is named for, and loses nothing with its own
const timer = 'alarmtimer.0.auto'
const speaker = 'pcspkr'
const folder = '/sys/bus/platform/devices'
const isThere = [timer, speaker].every((name) => existsSync(`${folder}/${name}`))

/** The driver that has a platform device, and the one named for it. */
function binding(name: string): readonly [driver: string | null, override: string] {
  const driver = existsSync(`${folder}/${name}/driver`) ? basename(readlinkSync(`${folder}/${name}/driver`)) : null
  return [driver, readFileSync(`${folder}/${name}/driver_override`, 'utf8').trim()]
}

function keptDrivers(): unknown[] {
  const { kept } = JSON.parse(vfioctl(['list', '--kept', '--json']).stdout)
  return kept
}

describe.skipIf(!isThere)(`the platform devices ${timer} and ${speaker}`, () => {
  afterEach(() => {
    for (const name of [timer, speaker]) vfioctl(['release', `platform/${name}`])
  })

  it('a device is taken from its driver, kept so, and goes back to it', () => {
    expect(binding(timer)).toEqual(['alarmtimer', '(null)'])
    expect(vfioctl(['bind', `platform/${timer}`, '--driver', 'none'])).toMatchObject({ status: 0 })
    expect(binding(timer)).toEqual([null, 'none'])
    expect(keptDrivers()).toMatchObject([{ kind: 'driver', device: `platform/${timer}` }])
    expect(vfioctl(['release', `platform/${timer}`])).toMatchObject({
      status: 0,
      stderr: `platform/${timer} is with alarmtimer now (none had it)\n`,
    })
    expect(binding(timer)).toEqual(['alarmtimer', '(null)'])
    expect(keptDrivers()).toEqual([])
  })

  it('a device that no driver knows goes to the one that is named, and back to none', () => {
    expect(binding(speaker)).toEqual([null, '(null)'])
    expect(vfioctl(['bind', `platform/${speaker}`, '--driver', 'alarmtimer'])).toMatchObject({ status: 0 })
    expect(binding(speaker)).toEqual(['alarmtimer', 'alarmtimer'])
    expect(vfioctl(['bind', speaker, '--driver', 'alarmtimer']).stderr).toContain('nothing to do')
    expect(vfioctl(['release', `platform/${speaker}`])).toMatchObject({ status: 0 })
    expect(binding(speaker)).toEqual([null, '(null)'])
  })

  it('a driver that refuses the device leaves it with the one that it had', () => {
    // syscon looks for registers in memory, which a timer of the kernel’s own has not
    const { status, stderr } = vfioctl(['bind', `platform/${timer}`, '--driver', 'syscon'])
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/syscon did not take platform\/alarmtimer\.0\.auto: .*alarmtimer has it now\nhint: dmesg/)
    expect(binding(timer)).toEqual(['alarmtimer', '(null)'])
    expect(keptDrivers()).toEqual([])
  })

  it('vfio-platform, which kernels for x86 do not have, is not found, and nothing changes', () => {
    const { status, stderr } = vfioctl(['bind', `platform/${timer}`])
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/there is no driver vfio-platform on the bus platform: .*\nhint: modprobe vfio-platform/)
    expect(binding(timer)).toEqual(['alarmtimer', '(null)'])
  })

  it('a device that is not there is not found, with where to look', () => {
    const { status, stderr } = vfioctl(['bind', 'platform/e0700000.xgmac'])
    expect(status).not.toBe(0)
    expect(stderr).toContain('there is no platform device e0700000.xgmac')
    expect(stderr).toContain(`ls ${folder}`)
  })
})
