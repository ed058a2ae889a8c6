import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { decodeConfigSpace, type PciCapability } from '../../../../src/vfio/config-space/config-space.ts'
import { expectAnswersToBytes, noise } from '../../hostile.ts'
import { dumps } from './config-dumps.ts'

function isKernelAnswer(error: unknown): boolean {
  return error instanceof VfioError && error.code === 'MALFORMED_REPLY'
}

function shown({ name, offset, fields }: PciCapability): unknown[] {
  return [name, offset, fields]
}

function changed(bytes: Uint8Array, changes: Readonly<Record<number, number>>): Uint8Array {
  const copy = bytes.slice()
  for (const [at, value] of Object.entries(changes)) copy[Number(at)] = value
  return copy
}

function kernelAnswer(message: string) {
  return expect.objectContaining({ code: 'MALFORMED_REPLY', message: expect.stringContaining(message) })
}

const endpoint = { portType: 0, maxPayload: 128 }

describe('the configuration space of', () => {
  test('edu: an MSI capability, and nothing extended', () => {
    const { header, capabilities, extendedCapabilities } = decodeConfigSpace(dumps.edu)
    expect(header).toMatchObject({
      vendorId: 0x1234,
      deviceId: 0x11e8,
      command: 0x103,
      revisionId: 0x10,
      classCode: 0x00ff,
      bar0: 0xfea0_0000,
      subsystemVendorId: 0x1af4,
      interruptPin: 1,
    })
    const fields = { enabled: false, vectors: 1, enabledVectors: 1, address64: true, maskable: false }
    expect(capabilities).toEqual([{ id: 5, name: 'msi', offset: 0x40, version: null, fields }])
    expect(extendedCapabilities).toEqual([])
  })

  test('e1000e: power, MSI, PCI Express and MSI-X in the order of the list, errors and a serial number beyond', () => {
    const { capabilities, extendedCapabilities } = decodeConfigSpace(dumps.e1000e)
    const pci = { address64: true, maskable: false, enabled: false }
    expect(capabilities.map(shown)).toEqual([
      ['power-management', 0xc8, { version: 2, powerState: 0, noSoftReset: false }],
      ['msi', 0xd0, { ...pci, vectors: 1, enabledVectors: 1 }],
      ['pci-express', 0xe0, { ...endpoint, version: 1, functionLevelReset: false }],
      [
        'msi-x',
        0xa0,
        {
          enabled: false,
          masked: false,
          vectors: 5,
          tableBar: 3,
          tableOffset: 0,
          pendingBar: 3,
          pendingOffset: 0x2000,
        },
      ],
    ])
    expect(extendedCapabilities.map((it) => [it.id, it.version, ...shown(it)])).toEqual([
      [1, 2, 'advanced-error-reporting', 0x100, null],
      [3, 1, 'device-serial-number', 0x140, { serialNumber: '52-54-00-ff-ff-12-34-56' }],
    ])
  })

  test('nvme: 4 MSI-X vectors in BAR 0, function level reset, and four virtual functions', () => {
    const { capabilities, extendedCapabilities } = decodeConfigSpace(dumps.nvme)
    expect(capabilities.map(shown)).toEqual([
      ['msi-x', 0x40, expect.objectContaining({ vectors: 4, tableBar: 0, tableOffset: 0x2000, pendingOffset: 0x3000 })],
      ['pci-express', 0x80, { ...endpoint, version: 2, functionLevelReset: true }],
      ['power-management', 0x60, { version: 3, powerState: 0, noSoftReset: true }],
    ])
    expect(extendedCapabilities.map(shown)).toEqual([
      ['alternative-routing-id', 0x100, null],
      [
        'sr-iov',
        0x120,
        {
          enabled: false,
          initialVfs: 4,
          totalVfs: 4,
          numVfs: 0,
          firstVfOffset: 1,
          vfStride: 1,
          vfDeviceId: 0x0010,
        },
      ],
    ])
  })

  test('xhci: integrated in the root complex, 16 vectors, and 4096 bytes without an extended capability', () => {
    const { capabilities, extendedCapabilities } = decodeConfigSpace(dumps.xhci)
    expect(capabilities.map(shown)).toEqual([
      ['msi-x', 0x90, expect.objectContaining({ vectors: 16 })],
      ['pci-express', 0xa0, expect.objectContaining({ portType: 9, functionLevelReset: false })],
    ])
    expect(extendedCapabilities).toEqual([])
  })

  test('mtty: 255 bytes, and no list, whatever stands where one would be', () => {
    const { header, capabilities, extendedCapabilities } = decodeConfigSpace(dumps.mtty)
    expect(header).toMatchObject({ vendorId: 0x4348, status: 0x200, classCode: 0x0700, programmingInterface: 2 })
    expect([capabilities, extendedCapabilities]).toEqual([[], []])
    expect(decodeConfigSpace(changed(dumps.mtty, { 52: 0x40 })).capabilities).toEqual([])
  })

  test('mdpy: a capability of its own', () => {
    expect(decodeConfigSpace(dumps.mdpy).capabilities.map(shown)).toEqual([['vendor-specific', 0x40, { length: 0x10 }]])
  })
})

describe('a list of capabilities', () => {
  test.each([
    ['back to one before it', { 65: 0x40 }, 'leads to 0x40, back to one before it'],
    ['into the header', { 65: 0x3c }, 'leads to 0x3c, outside the space'],
    ['a known capability over the end', { 65: 0xfc, 252: 0x11 }, 'msi-x at 0xfc does not fit'],
  ])('that goes on %s is MALFORMED_REPLY', (_, changes, message) => {
    expect(() => decodeConfigSpace(changed(dumps.edu, changes))).toThrow(kernelAnswer(message))
  })

  test.each([
    ['back to one before it', { 323: 0x10 }, 'leads to 0x100, back to one before it'],
    ['below 0x100', { 322: 0x01, 323: 0x0c }, 'leads to 0xc0, outside the space'],
  ])('that goes on %s, among the extended, is MALFORMED_REPLY', (_, changes, message) => {
    expect(() => decodeConfigSpace(changed(dumps.e1000e, changes))).toThrow(kernelAnswer(message))
  })

  test('has the two low bits of its pointers masked', () => {
    expect(decodeConfigSpace(changed(dumps.edu, { 52: 0x43 })).capabilities).toHaveLength(1)
  })

  test('keeps a capability that has no name here', () => {
    const { capabilities } = decodeConfigSpace(changed(dumps.edu, { 64: 0x7f }))
    expect(capabilities).toEqual([{ id: 0x7f, name: 'unknown', offset: 0x40, version: null, fields: null }])
  })

  test('passes over the null capability that vfio-pci leaves for a hidden one', () => {
    const hidden = changed(dumps.e1000e, { 256: 0, 258: 0 })
    expect(decodeConfigSpace(hidden).extendedCapabilities.map(shown)).toEqual([
      ['device-serial-number', 0x140, expect.anything()],
    ])
  })

  test('tells the two kinds of vendor-specific capabilities apart', () => {
    const vendor = changed(dumps.e1000e, { 320: 0x0b, 324: 0x34, 325: 0x12, 326: 0x82, 327: 0x01 })
    expect(decodeConfigSpace(vendor).extendedCapabilities.map(shown)).toContainEqual([
      'vendor-specific-extended',
      0x140,
      { vsecId: 0x1234, revision: 2, length: 0x18 },
    ])
  })
})

describe('a device that is not there any more', () => {
  test('reads as all ones, and is MALFORMED_REPLY', () => {
    expect(() => decodeConfigSpace(new Uint8Array(4096).fill(0xff))).toThrow(kernelAnswer('reads as all ones'))
  })
})

test.each([0, 1, 0x3f])('%d bytes are no configuration space', (length) => {
  expect(() => decodeConfigSpace(new Uint8Array(length))).toThrow(kernelAnswer('are too few'))
})

describe('hostile bytes', () => {
  /** Real spaces with some bytes changed come further into the lists than noise does. */
  const spoiltDumps = fc
    .tuple(
      fc.constantFrom(...Object.values(dumps)),
      fc.array(fc.tuple(fc.oneof(fc.constantFrom(0x06, 0x34, 0x41, 0x101, 0x103), fc.nat(4095)), fc.nat(255)), {
        maxLength: 30,
      }),
      fc.option(fc.nat(4096)),
    )
    .map(([bytes, changes, length]) =>
      changed(bytes, Object.fromEntries(changes.filter(([at]) => at < bytes.length))).subarray(
        0,
        length ?? bytes.length,
      ),
    )

  test.each([
    ['any', noise(4096)],
    ['those of real devices, spoilt', spoiltDumps],
  ])('%s: a value, or MALFORMED_REPLY', (_, bytes) => {
    const { errors } = expectAnswersToBytes(
      bytes,
      (space) => {
        const { capabilities, extendedCapabilities } = decodeConfigSpace(space)
        for (const { offset } of [...capabilities, ...extendedCapabilities]) expect(offset).toBeLessThan(space.length)
        return { capabilities, extendedCapabilities }
      },
      isKernelAnswer,
    )
    expect(errors).toBeGreaterThan(0)
  })
})
