/** A struct followed by capabilities: `next` of each is where it says, whatever that leads to. */
export interface Capability {
  readonly id: number
  readonly version?: number
  readonly next: number
  readonly body?: Uint8Array
}

/** Bytes with these capabilities at their offsets. */
export function withCapabilities(
  struct: Uint8Array,
  length: number,
  capabilities: Readonly<Record<number, Capability>>,
): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set(struct)
  const view = new DataView(bytes.buffer)
  for (const [at, { id, version = 1, next, body }] of Object.entries(capabilities)) {
    const offset = Number(at)
    view.setUint16(offset, id, true)
    view.setUint16(offset + 2, version, true)
    view.setUint32(offset + 4, next, true)
    if (body !== undefined) bytes.set(body, offset + 8)
  }
  return bytes
}

export function u32s(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer)
}

export function u64s(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
