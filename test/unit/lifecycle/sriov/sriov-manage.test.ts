import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { isHalfConfigured, markHalfConfigured } from '../../../../src/lifecycle/device/half-configured.ts'
import { setVirtualFunctions } from '../../../../src/lifecycle/sriov/set-functions.ts'
import { manageSriov } from '../../../../src/lifecycle/sriov/sriov-manage.ts'
import { HostTree } from '../../host-tree.ts'
import { stub } from '../../stub.ts'

const card = '0000:41:00.0'
const folder = `sys/bus/pci/devices/${card}`
const all = { device: card, count: 'all' } as const

/** Body of a script that does to sysfs what the real one does, so far as a folder of plain files can have it. */
const works = `
case "$1" in
  -e) echo 2 > $card/sriov_numvfs; for n in 0 1; do ln -s ../0000:41:00.$((n + 4)) $card/virtfn$n; done;;
  -d) echo 0 > $card/sriov_numvfs; rm -f $card/virtfn*;;
esac
`

/** A host with a GPU that can have two virtual functions, and a script in sriov-manage's place that really runs. */
function hostWith(script: string) {
  const tree = new HostTree()
    .file(`${folder}/vendor`, '0x10de\n')
    .file(`${folder}/class`, '0x030200\n')
    .file(`${folder}/sriov_totalvfs`, '2\n')
    .file(`${folder}/sriov_numvfs`, '0\n')
    .file(`${folder}/driver_override`, '')
    .file('sys/bus/pci/drivers_probe', '')
    .directory('sys/bus/pci/drivers/nvidia')
    .link(`${folder}/driver`, '../../drivers/nvidia')
    .directory('etc')
    .directory('proc')
  for (const vf of ['0000:41:00.4', '0000:41:00.5']) {
    tree.file(`sys/bus/pci/devices/${vf}/nvidia/current_vgpu_type`, '0\n')
    tree.link(`sys/bus/pci/devices/${vf}/physfn`, `../${card}`)
  }
  const { root } = tree
  const calls = `${root}/calls`
  tree.file(
    'usr/lib/nvidia/sriov-manage',
    `#!/bin/bash\nroot=${root}\ncard=$root/${folder}\nprintf "%s\\n" "$*" >> ${calls}\ntries=$(wc -l < ${calls})\n${script}\n`,
  )
  chmodSync(`${root}/usr/lib/nvidia/sriov-manage`, 0o755)
  const kernel = openLinux({ root, runsPrograms: true })
  return {
    kernel,
    root,
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []),
    file: (path: string) => readFileSync(`${root}/${path}`, 'utf8'),
    add: (path: string, text: string) => void tree.file(path, text),
  }
}

/** The same, and programs have less time. */
function impatient(kernel: Kernel): Kernel {
  const runProgram: Kernel['runProgram'] = (path, run) => kernel.runProgram(path, { ...run, timeoutMs: 3000 })
  return stub(kernel, { runProgram })
}

test('it is run for the card, and what it made is waited for, kept, and no mark is left', async () => {
  const { kernel, calls, file } = hostWith(works)
  const change = await setVirtualFunctions(kernel, all)
  expect(change.functions).toEqual(['0000:41:00.4', '0000:41:00.5'])
  expect(calls()).toEqual([`-e ${card}`])
  expect(file(`etc/vfioctl.d/sriov/${card}.json`)).toContain('"count": 2')
  expect(isHalfConfigured(kernel.files, card)).toBe(false)
})

test('a mark stands while it works', async () => {
  const { kernel, file } = hostWith(`ls $root/run/vfioctl/half-configured > $root/seen; ${works}`)
  await setVirtualFunctions(kernel, all)
  expect(file('seen')).toBe(`${card}\n`)
})

test('it is tried again while somebody holds the GPU for moments', async () => {
  const { kernel, calls } = hostWith(
    `[ $tries -lt 3 ] && { echo "Cannot obtain unbindLock for $2"; exit 1; }; ${works}`,
  )
  expect(await setVirtualFunctions(kernel, all)).toMatchObject({ changed: true, count: 2 })
  expect(calls()).toHaveLength(3)
})

test('where the GPU stays held it is DEVICE_BUSY, with who may hold it, and the card is as it was', async () => {
  const { kernel, calls, root } = hostWith('echo "Cannot obtain unbindLock for $2"; exit 1')
  await expect(setVirtualFunctions(kernel, all)).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    message: `sriov-manage for ${card} ended with 1: Cannot obtain unbindLock for ${card}`,
    hint: expect.stringContaining('fuser -v /dev/nvidia*'),
  })
  expect(calls()).toHaveLength(3)
  expect(existsSync(`${root}/etc/vfioctl.d/sriov`)).toBe(false)
  expect(isHalfConfigured(kernel.files, card)).toBe(false)
})

test('one that hangs is ended with all it started, its card given back, and the next call begins anew', async () => {
  const { kernel, calls, file, root } = hostWith(
    `if [ $tries = 1 ]; then rm $card/driver; (sleep 4; touch $root/late) & sleep 60; fi; ${works}`,
  )
  await expect(setVirtualFunctions(impatient(kernel), all)).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    message: expect.stringMatching(
      /^sriov-manage for 0000:41:00.0 did not end in 300 s.*left the card without a driver/,
    ),
  })
  expect(file('sys/bus/pci/drivers_probe')).toBe(card)
  expect(isHalfConfigured(kernel.files, card)).toBe(true)
  await sleep(2500)
  expect(existsSync(`${root}/late`)).toBe(false)
  const again = await setVirtualFunctions(kernel, all)
  expect(again.steps.map((step) => ('arguments' in step ? step.arguments[0] : step.action))).toEqual([
    ...['write', 'write', '-d', '-e', 'save'],
  ])
  expect(calls().slice(1)).toEqual([`-d ${card}`, `-e ${card}`])
  expect(isHalfConfigured(kernel.files, card)).toBe(false)
})

test('after a vfioctl that was killed, it is left to end its work first', async () => {
  const { kernel, calls, add } = hostWith(works)
  markHalfConfigured(kernel.files, card)
  add('proc/41/cmdline', 'vi\0/usr/lib/nvidia/sriov-manage\0')
  add('proc/42/cmdline', `/bin/bash\0/usr/lib/nvidia/sriov-manage\0-e\0${card}\0`)
  await expect(setVirtualFunctions(kernel, all)).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    facts: { card, pid: 42 },
  })
  expect(calls()).toEqual([])
})

test.each([
  ['is not there', (path: string) => rmSync(path), 'NOT_SUPPORTED', 'ENOENT'],
  ['may not be run', (path: string) => chmodSync(path, 0o644), 'SYSTEM_CALL_FAILED', 'EACCES'],
])('where it %s, that is said, and the card is as it was', async (_, spoil, code, errno) => {
  const { kernel, root } = hostWith(works)
  spoil(`${root}/usr/lib/nvidia/sriov-manage`)
  await expect(setVirtualFunctions(kernel, all)).rejects.toMatchObject({
    code,
    errno,
    path: '/usr/lib/nvidia/sriov-manage',
  })
  expect(isHalfConfigured(kernel.files, card)).toBe(false)
})

test.each(['0', '1'])(
  'one that fails, and by then has drivers kept off functions, or no longer, leaves that as it was: %s',
  async (before) => {
    const { kernel, add, file } = hostWith(`echo $((1 - ${before})) > $card/sriov_drivers_autoprobe; exit 1`)
    add(`${folder}/sriov_drivers_autoprobe`, `${before}\n`)
    await expect(manageSriov(kernel, parsePciAddress(card), false)).rejects.toThrow('ended with 1')
    expect(file(`${folder}/sriov_drivers_autoprobe`).trim()).toBe(before)
    expect(isHalfConfigured(kernel.files, card)).toBe(false)
  },
)
