import { ftruncateSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Mapping } from '../../src/kernel/kernel.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { runProgram } from './programs.ts'

const kernel = openLinux()
const lost = expect.objectContaining({ code: 'EFAULT', errno: -14 })

/** Memory whose pages can be taken away, as a device's are with memory decode off: every touch is SIGBUS. */
function withLosable(use: (mapping: Mapping, lose: () => void, restore: () => void) => void): void {
  const mapping = kernel.allocateMemory({ size: 8192, kind: 'memfd' })
  const fd = mapping.fd ?? -1
  use(
    mapping,
    () => ftruncateSync(fd, 0),
    () => ftruncateSync(fd, 8192),
  )
  mapping.close()
}

describe('memory that is gone', () => {
  it('is EFAULT from every accessor', () => {
    withLosable((mapping, lose) => {
      lose()
      for (const read of ['read8', 'read16', 'read32', 'read64'] as const) {
        expect(() => mapping[read](8)).toThrow(expect.objectContaining({ code: 'EFAULT', syscall: 'load' }))
      }
      for (const write of ['write8', 'write16', 'write32'] as const) {
        expect(() => mapping[write](8, 1)).toThrow(expect.objectContaining({ code: 'EFAULT', syscall: 'store' }))
      }
      expect(() => mapping.write64(8, 1n)).toThrow(lost)
      expect(() => mapping.readInto(8, new Uint8Array(8184))).toThrow(
        expect.objectContaining({ code: 'EFAULT', syscall: 'load' }),
      )
      expect(() => mapping.writeFrom(0, new Uint8Array(5))).toThrow(
        expect.objectContaining({ code: 'EFAULT', syscall: 'store' }),
      )
    })
  })

  it('works again through the same mapping once it is back', () => {
    withLosable((mapping, lose, restore) => {
      for (let round = 0; round < 1000; round++) {
        mapping.write32(4096, round)
        lose()
        expect(() => mapping.read32(4096)).toThrow(lost)
        restore()
        expect(mapping.read32(4096)).toBe(0)
      }
    })
  })

  it('is told from what is left of it', () => {
    withLosable((mapping) => {
      mapping.write32(0, 5)
      ftruncateSync(mapping.fd ?? -1, 4096)
      expect(() => mapping.read32(4096)).toThrow(lost)
      expect(mapping.read32(0)).toBe(5)
    })
  })

  it('is EFAULT from a system call on its view too', () => {
    withLosable((mapping, lose) => {
      const zero = kernel.open('/dev/zero', 'r')
      lose()
      expect(() => kernel.read(zero, mapping.view())).toThrow(
        expect.objectContaining({ code: 'EFAULT', syscall: 'read' }),
      )
      kernel.close(zero)
    })
  })
})

describe('a SIGBUS that is not an accessor’s', () => {
  // AddressSanitizer takes SIGBUS for itself unless told.
  const env = { ASAN_OPTIONS: 'handle_sigbus=0' }

  it('ends the process as ever: JavaScript touches lost memory through a view', () => {
    expect(runProgram('sigbus.mjs', ['view'], env)).toMatchObject({ signal: 'SIGBUS', stdout: '' })
  })

  it('ends the process as ever: another process sends it', () => {
    expect(runProgram('sigbus.mjs', ['kill'], env)).toMatchObject({ signal: 'SIGBUS', stdout: '' })
  })
})
