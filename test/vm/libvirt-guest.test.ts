// libvirt's own domains, with the devices that we print or attach. QEMU's processor is emulated, and never runs.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'
import { bindPci } from '../contract/pci.ts'
import { startLibvirt, type Virsh } from './libvirt.ts'

const guest = 'guest'

let virsh: Virsh
beforeAll(async () => {
  virsh = await startLibvirt({ driver: 'qemu' })
  return () => virsh.stop()
})

/** A mediated device that runs until the test is over. */
function startMdev(): string {
  const uuid = randomUUID()
  onTestFinished(() => void vfioctl(['stop', uuid]))
  expect(vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1'])).toMatchObject({ status: 0 })
  return uuid
}

function xmlOf(...devices: readonly string[]): string {
  const { status, stdout } = vfioctl(['libvirt', ...devices])
  expect(status).toBe(0)
  return stdout
}

function file(xml: string): string {
  const path = `/run/${randomUUID()}.xml`
  writeFileSync(path, xml)
  return path
}

function shown(): string {
  return virsh('qemu-monitor-command', guest, '--hmp', 'info qtree')
}

function defineGuest(hostdevs: string): void {
  virsh(
    'define',
    file(`<domain type='qemu'>
  <name>${guest}</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <controller type='pci' model='pcie-root-port' index='9'/>
    <memballoon model='none'/>
    ${hostdevs}
  </devices>
</domain>`),
  )
  onTestFinished(() => void virsh('undefine', guest))
}

it('starts a guest with the devices as we print them, takes another while it is there, and leaves all free at its end', async (context) => {
  const { address } = await bindPci(context, 'edu')
  const [uuid, more] = [startMdev(), startMdev()]
  defineGuest(xmlOf(address, uuid))
  virsh('start', guest, '--paused')
  let runs = true
  onTestFinished(() => {
    if (runs) virsh('destroy', guest)
  })
  expect(shown()).toMatch(/pci id 1234:11e8/)
  expect(shown().match(/pci id 4348:3253/g)).toHaveLength(1)
  expect(vfioctl(['stop', uuid])).toMatchObject({
    status: 5,
    stderr: expect.stringContaining(`, VM ${guest}) holds it open`),
  })

  const { status, stderr } = vfioctl(['libvirt', more, '--attach', guest, '--live'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: `attached to ${guest}: ${more}\n` })
  expect(shown().match(/pci id 4348:3253/g)).toHaveLength(2)
  expect(vfioctl(['stop', more])).toMatchObject({ status: 5 })

  // libvirt only asks the guest for it, and a guest that does not run gives nothing back
  virsh('detach-device', guest, file(xmlOf(more)), '--live')
  virsh('destroy', guest)
  runs = false
  for (const it of [uuid, more]) expect(vfioctl(['stop', it])).toMatchObject({ status: 0 })
  // it is with vfio-pci still, as we said that libvirt does not manage it
  expect(vfioctl(['inspect', address])).toMatchObject({ status: 0 })
})
