import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { program } from '../cli/vfioctl.ts'
import { startLibvirt, type Virsh } from './libvirt.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1004'
const device = `mdev_${uuid.replaceAll('-', '_')}_mtty`
const patience = { timeout: 30_000, interval: 500 }
const definition = `/etc/mdevctl.d/mtty/${uuid}`

let virsh: Virsh
beforeAll(async () => {
  virsh = await startLibvirt({ driver: 'nodedev', mdevctl: program })
  return () => virsh.stop()
})

function isActive(): boolean {
  return existsSync(`/sys/bus/mdev/devices/${uuid}`)
}

function info(): Record<string, string> {
  const lines = virsh('nodedev-info', device).trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/:\s+/)))
}

/** libvirt looks at the devices and the definitions when it is told that they changed. */
async function expectInfo(expected: Readonly<Record<string, string>>): Promise<void> {
  await vi.waitFor(() => expect(info()).toMatchObject(expected), patience)
}

describe('libvirt, with us as its mdevctl', () => {
  it('sees what mtty offers', () => {
    expect(virsh('nodedev-list', '--cap', 'mdev_types').split('\n')).toContain('mtty_mtty')
    expect(virsh('nodedev-dumpxml', 'mtty_mtty')).toMatch(
      /<type id='mtty-2'>\s*<name>Dual port serial<\/name>\s*<deviceAPI>vfio-pci<\/deviceAPI>\s*<availableInstances>12</,
    )
  })

  it('defines, starts, autostarts, destroys and undefines a device', async () => {
    const xml = join('/run', `${device}.xml`)
    writeFileSync(
      xml,
      `<device><parent>mtty_mtty</parent>
         <capability type='mdev'><type id='mtty-2'/><uuid>${uuid}</uuid></capability>
       </device>`,
    )
    expect(virsh('nodedev-define', xml)).toContain(`Node device '${device}' defined`)
    expect(JSON.parse(readFileSync(definition, 'utf8'))).toMatchObject({ mdev_type: 'mtty-2', start: 'manual' })
    expect(virsh('nodedev-list', '--cap', 'mdev', '--inactive').split('\n')).toContain(device)
    expect(isActive()).toBe(false)

    virsh('nodedev-start', device)
    expect(isActive()).toBe(true)
    await expectInfo({ Active: 'yes', Persistent: 'yes', Autostart: 'no' })

    virsh('nodedev-autostart', device)
    expect(JSON.parse(readFileSync(definition, 'utf8'))).toMatchObject({ start: 'auto' })
    await expectInfo({ Autostart: 'yes' })
    expect(virsh('nodedev-dumpxml', device)).toContain("<type id='mtty-2'/>")

    virsh('nodedev-destroy', device)
    expect(isActive()).toBe(false)
    await expectInfo({ Active: 'no', Autostart: 'yes' })

    virsh('nodedev-undefine', device)
    expect(existsSync(definition)).toBe(false)
    const listed = () => virsh('nodedev-list', '--cap', 'mdev', '--all')
    await vi.waitFor(() => expect(listed()).not.toContain(device), patience)

    const verbs = virsh.calls().map((call) => call.split(' ')[0])
    expect(verbs.filter((verb) => verb !== 'list')).toEqual(['define', 'start', 'modify', 'stop', 'undefine'])
  })
})
