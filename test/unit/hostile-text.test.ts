import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bytesOrNull,
  formatSize,
  hex,
  nameFault,
  parseUuid,
  pciAddressOrNull,
  printable,
  unsignedOrNull,
  uuidOrNull,
} from '../../src/base/units.ts'
import { readVfioAliases } from '../../src/host/variants/vfio-aliases.ts'
import { createMockKernel } from '../../src/mock/kernel/mock-kernel.ts'
import { expectAnswers, spoilt, textOf } from './hostile.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const uuids = fc.oneof(spoilt(uuid), textOf('urn:uuid:', '{', '}', '-', '83b8f4f2', '509f', 'E6BFE0FA1001', '0'))

describe('any text', () => {
  test('is a UUID in its one form, or none', () => {
    const { values, errors } = expectAnswers(uuids, (text) => {
      const found = parseUuid(text)
      expect(found).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(uuidOrNull(found)).toBe(found)
    })
    expect(Math.min(values, errors)).toBeGreaterThan(0)
  })

  test('is a PCI address in its long form, or none', () => {
    const addresses = fc.oneof(spoilt('0000:3b:00.0'), textOf('0000', ':', '3b', '.', '0', '7', '1F', ' '))
    const found: string[] = []
    expectAnswers(addresses, (text) => {
      const address = pciAddressOrNull(text)
      if (address === null) return
      expect(pciAddressOrNull(address)).toBe(address)
      expect(address).not.toMatch(/[\s/A-Z]|\.\./)
      found.push(address)
    })
    expect(found.length).toBeGreaterThan(0)
  })

  test('is an unsigned number of 64 bits, or none; hex of it reads back', () => {
    const found: bigint[] = []
    expectAnswers(textOf('0', '0x', '1', 'f', 'FFFFFFFF', '18446744073709551615', '-', '.', 'e'), (text) => {
      const number = unsignedOrNull(text)
      if (number === null) return
      expect(number >= 0n && number < 1n << 64n).toBe(true)
      expect(unsignedOrNull(hex(number, 4))).toBe(number)
      found.push(number)
    })
    expect(found.length).toBeGreaterThan(0)
  })

  test('is shown on one line, with nothing that moves a cursor', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    const { errors } = expectAnswers(text, (it) => expect(printable(it)).not.toMatch(/\p{Cc}/u))
    expect(errors).toBe(0)
  })

  test('is a size that a BAR may have, or none', () => {
    const found: number[] = []
    expectAnswers(textOf('8', '16', ' ', 'G', 'MiB', 'iB', 'B', 'k', '9999999999999999', '-', '.', 'e'), (text) => {
      const bytes = bytesOrNull(text)
      if (bytes === null) return
      expect(Number.isSafeInteger(bytes) && bytes > 0).toBe(true)
      found.push(bytes)
    })
    expect(found.length).toBeGreaterThan(0)
  })

  test('that is no fault as a name stays in its folder', () => {
    expectAnswers(textOf('.', '/', '..', '\0', 'a', '\n'), (name) => {
      if (nameFault(name) === null)
        expect(new URL(`file:///folder/${encodeURIComponent(name)}`).pathname).toMatch(/^\/folder\/./)
    })
  })
})

test('any text is a modules.alias, of which each line that is none is left out', () => {
  const { files } = createMockKernel('demo')
  const line = 'alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n'
  const texts = fc.oneof(
    spoilt(line.repeat(2)),
    textOf(line, 'alias ', 'vfio_pci:', 'v*d*sv*sd*bc*sc*i*', ' ', '\n', '../x'),
  )
  const found = new Set<string>()
  const { errors } = expectAnswers(texts, (text) => {
    const read = (path: string) => (path.endsWith('/modules.alias') ? text : files.read(path))
    const host: typeof files = Object.assign(Object.create(files), { read, kind: () => 'file' })
    for (const { fields, module } of readVfioAliases(host).aliases) {
      expect(fields).toHaveLength(7)
      for (const field of fields) expect(field).toMatch(/^([0-9A-F]{1,8}|\*)$/)
      expect(module).not.toMatch(/[\s/]|^-/)
      found.add(module)
    }
  })
  expect(errors).toBe(0)
  expect(found.size).toBeGreaterThan(0)
})

test('any size is told with a unit', () => {
  const { errors } = expectAnswers(
    fc.oneof(
      fc.maxSafeNat(),
      fc.nat(64).map((bits) => 2 ** bits),
    ),
    (bytes) => expect(formatSize(bytes)).toMatch(/^[\de.+]+ ([KMGT]i)?B$/),
  )
  expect(errors).toBe(0)
})
