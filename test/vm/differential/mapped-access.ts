import type { Mapping } from '../../../src/kernel/kernel.ts'
import type { Call } from './call.ts'

export function load(mapping: Mapping, { offset, width }: Extract<Call, { kind: 'load' }>): number | bigint {
  switch (width) {
    case 8:
      return mapping.read8(offset)
    case 16:
      return mapping.read16(offset)
    case 32:
      return mapping.read32(offset)
    case 64:
      return mapping.read64(offset)
  }
}

/** As much of the value as there is room for. */
export function store(mapping: Mapping, { offset, width, value }: Extract<Call, { kind: 'store' }>): void {
  switch (width) {
    case 8:
      mapping.write8(offset, value & 0xff)
      break
    case 16:
      mapping.write16(offset, value & 0xffff)
      break
    case 32:
      mapping.write32(offset, value)
      break
    case 64:
      mapping.write64(offset, BigInt(value))
      break
  }
}
