import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { attachToDomain } from '../../../../src/lifecycle/guest/attach.ts'
import { HostTree } from '../../host-tree.ts'

const devices = ['0000:3b:00.0', '0000:3b:00.1']

/** A host with two devices that VFIO has, and a script in virsh's place that really runs. */
function hostWith(script: string | null) {
  const tree = new HostTree().directory('proc').directory('sys/bus/pci/drivers/vfio-pci')
  for (const [at, device] of devices.entries()) {
    const folder = `sys/bus/pci/devices/${device}`
    tree
      .file(`${folder}/vendor`, '0x10de\n')
      .file(`${folder}/class`, '0x030200\n')
      .link(`${folder}/driver`, '../../drivers/vfio-pci')
    tree.link(`${folder}/iommu_group`, `../../../../kernel/iommu_groups/${at}`)
    tree.link(`sys/kernel/iommu_groups/${at}/devices/${device}`, `../../../../bus/pci/devices/${device}`)
  }
  const { root } = tree
  if (script !== null) {
    tree.file(
      'usr/bin/virsh',
      `#!/bin/bash\nprintf '%s\\n' "$@" >> ${root}/calls\ncat /dev/stdin >> ${root}/calls\n${script}\n`,
    )
    chmodSync(`${root}/usr/bin/virsh`, 0o755)
  }
  const calls = () => (existsSync(`${root}/calls`) ? readFileSync(`${root}/calls`, 'utf8').trimEnd().split('\n') : [])
  return { kernel: openLinux({ root, runsPrograms: true }), calls }
}

test('virsh gets each device as a file of its own, and the state of the domain that is meant', async () => {
  const { kernel, calls } = hostWith('')
  const attached = await attachToDomain(kernel, devices.slice(0, 1), { domain: '--help; x', live: true, config: true })
  expect(attached).toMatchObject({ domain: '--help; x', dryRun: false, hostdevs: [{ device: devices[0] }] })
  expect(calls()).toEqual([
    'attach-device',
    '--domain=--help; x',
    '--file=/dev/stdin',
    '--live',
    '--config',
    "<hostdev mode='subsystem' type='pci' managed='no'>",
    '  <source>',
    "    <address domain='0x0000' bus='0x3b' slot='0x00' function='0x0'/>",
    '  </source>',
    '</hostdev>',
  ])
})

test('a refusal has virsh’s words, and the devices that were attached before', async () => {
  const { kernel } = hostWith('echo "error: no such domain" >&2; exit 1')
  await expect(attachToDomain(kernel, devices, { domain: 'web1' })).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    message: 'cannot attach 0000:3b:00.0 to web1: virsh ended with 1: error: no such domain',
    facts: { device: devices[0], domain: 'web1', attached: [] },
  })
})

test('the devices before one that is refused stay attached, and are named', async () => {
  const { kernel } = hostWith(
    `[ "$(grep -c attach-device "$(dirname "$0")/../../calls")" = 1 ] || { echo 'error: full' >&2; exit 1; }`,
  )
  await expect(attachToDomain(kernel, devices, { domain: 'web1' })).rejects.toMatchObject({
    message: 'cannot attach 0000:3b:00.1 to web1: virsh ended with 1: error: full; attached before: 0000:3b:00.0',
    facts: { attached: [devices[0]] },
  })
})

test('without virsh nothing can be attached', async () => {
  const { kernel } = hostWith(null)
  await expect(attachToDomain(kernel, devices, { domain: 'web1' })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    path: '/usr/bin/virsh',
    errno: 'ENOENT',
  })
})

test('a dry run says what it would run, and runs nothing', async () => {
  const { kernel, calls } = hostWith('')
  const { steps } = await attachToDomain(kernel, devices, { domain: 'web1', dryRun: true })
  const step = {
    action: 'run',
    path: '/usr/bin/virsh',
    arguments: ['attach-device', '--domain=web1', '--file=/dev/stdin'],
  }
  expect(steps).toEqual([step, step])
  expect(calls()).toEqual([])
})

test.each(['', 'a\nb', 'a/b', '\u202e'])('a domain is not called %j', async (domain) => {
  const { kernel, calls } = hostWith('')
  await expect(attachToDomain(kernel, devices, { domain })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(calls()).toEqual([])
})
