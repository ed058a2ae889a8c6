import { describe, expect, it } from 'vitest'
import { hex } from '../../src/base/units.ts'
import { vfioctl } from '../cli/vfioctl.ts'
import { page } from '../contract/machine.ts'

/** One that printed JSON. */
function json(...args: string[]): unknown {
  const { status, stdout, stderr } = vfioctl([...args, '--json'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1003'

describe.each([
  {
    parent: 'mdpy',
    type: 'mdpy-vga',
    regions: [
      { name: 'bar0', size: '0x200000', flags: { read: true, write: true, mmap: true } },
      { name: 'config', size: '0xff', flags: { read: true, write: true, mmap: false } },
    ],
  },
  {
    parent: 'mbochs',
    type: 'mbochs-small',
    regions: [
      { name: 'bar0', size: '0x400000', flags: { read: true, write: true, mmap: true } },
      { name: 'bar2', size: hex(page), flags: { read: true, write: true, mmap: false } },
      { name: 'config', size: '0xff', flags: { read: true, write: true, mmap: false } },
      { name: 'region9', size: hex(page), flags: { read: true, write: true, mmap: false } },
    ],
  },
])('the kernel’s $parent', ({ parent, type, regions }) => {
  it('is started, inspected and stopped', () => {
    expect(json('start', '-u', uuid, '-p', parent, '-t', type)).toMatchObject({ uuid, parent, type, changed: true })
    expect(json('inspect', uuid)).toMatchObject({
      virtualDevice: { uuid, parent, type, active: true },
      device: { regions: expect.arrayContaining(regions.map((region) => expect.objectContaining(region))) },
    })
    expect(json('stop', uuid)).toMatchObject({ uuid, changed: true })
    expect(vfioctl(['list', uuid])).toMatchObject({ status: 3, stdout: '' })
  })
})
