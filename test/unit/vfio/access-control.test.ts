import { describe, expect, test } from 'vitest'
import { openHost } from '../../../src/index.ts'
import { readAccessControl } from '../../../src/vfio/config-space/access-control.ts'
import { HostTree } from '../host-tree.ts'

const path = '/sys/devices/config'

/** The answer for a configuration space of these bytes. */
function readFrom(bytes: Uint8Array) {
  const tree = new HostTree().directory('sys')
  tree.file(path.slice(1), Buffer.from(bytes))
  return readAccessControl(openHost({ root: tree.root }).kernel, path)
}

/** 4096 bytes, with these from 0x100 on. */
function express(hex: string): Uint8Array {
  const bytes = new Uint8Array(4096)
  bytes.set(Buffer.from(hex, 'hex'), 0x100)
  return bytes
}

describe('Access Control Services of the file config', () => {
  test('are those that a capability of id 0x0d has and has on, in their order', () => {
    expect(readFrom(express('0d0001001f001c00'))).toEqual({
      supported: ['source-validation', 'request-redirect', 'completion-redirect', 'upstream-forwarding'],
      enabled: ['request-redirect', 'completion-redirect', 'upstream-forwarding'],
    })
  })

  test.each([
    ['a conventional device', new Uint8Array(256)],
    ['an express device without the capability', express('03000100')],
    ['a virtual function, whose ids are all ones', express('0e000100').fill(0xff, 0, 4)],
  ])('are none of %s', (_what, bytes) => expect(readFrom(bytes)).toBe('none'))

  test.each([
    ['the 64 bytes that everybody sees', new Uint8Array(64)],
    ['a device that is gone', new Uint8Array(4096).fill(0xff)],
    ['a list that goes round', express('03001010')],
    ['a list that leaves the space', express('03000101')],
    ['an empty file', new Uint8Array()],
  ])('are unreadable of %s', (_what, bytes) => expect(readFrom(bytes)).toBe('unreadable'))

  test('are unreadable if there is no file', () => {
    expect(readAccessControl(openHost({ root: new HostTree().directory('sys').root }).kernel, '/sys/nothing')).toBe(
      'unreadable',
    )
  })
})
