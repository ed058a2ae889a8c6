import { expect, test } from 'vitest'
import { parseTypeDetails } from '../../../src/lifecycle/kinds/mdev/type-details.ts'
import { expectAnswers, textOf } from '../hostile.ts'

const nothing = { framebufferMiB: null, maxResolution: null, heads: null, maxInstances: null }

test('NVIDIA writes name=value, parted by commas', () => {
  const text = 'num_heads=4, frl_config=45, framebuffer=1024M, max_resolution=5120x2880, max_instance=16'
  expect(parseTypeDetails(text)).toEqual({
    framebufferMiB: 1024,
    maxResolution: '5120x2880',
    heads: 4,
    maxInstances: 16,
  })
})

test('GVT-g writes name: value, one a line; its graphics memory sizes are no framebuffer', () => {
  const text = 'low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\nweight: 4'
  expect(parseTypeDetails(text)).toEqual({ ...nothing, maxResolution: '1920x1200' })
})

test('the kernel’s sample displays write prose', () => {
  expect(parseTypeDetails('virtual display, 640x480 framebuffer')).toEqual({ ...nothing, maxResolution: '640x480' })
  expect(parseTypeDetails('virtual display, 16 MB video memory')).toEqual({ ...nothing, framebufferMiB: 16 })
})

test('a framebuffer in gigabytes is told in MiB', () => {
  expect(parseTypeDetails('framebuffer=48G').framebufferMiB).toBe(48 * 1024)
})

test.each(['', 'framebuffer=lots', 'num_heads=-1', 'max_resolution=wide', 'framebuffer=99999999999999M'])(
  '%j says nothing that can be read',
  (text) => expect(parseTypeDetails(text)).toEqual(nothing),
)

test('no text makes it fail', () => {
  const pieces = [
    'num_heads',
    'framebuffer',
    'max_resolution',
    '=',
    ':',
    ',',
    '\n',
    '4',
    '99999999999',
    'x',
    'M',
    ' MB video memory',
  ]
  const { errors } = expectAnswers(textOf(...pieces), parseTypeDetails)
  expect(errors).toBe(0)
})
