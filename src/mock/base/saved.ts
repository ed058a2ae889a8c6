/** Saved state comes from a file: a field that is not what it was saved as counts as never saved. */
export function savedField(saved: unknown, name: string): unknown {
  if (typeof saved !== 'object' || saved === null) return undefined
  return Object.getOwnPropertyDescriptor(saved, name)?.value
}

/** A saved number from 0 up to `most`, or `otherwise`. */
export function savedNumber(saved: unknown, name: string, otherwise: number, most: number): number {
  const value = savedField(saved, name)
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most ? value : otherwise
}

/** A saved true; false for anything else. */
export function savedFlag(saved: unknown, name: string): boolean {
  return savedField(saved, name) === true
}

/** Bytes kept as base64: put into `bytes` as far as they go. */
export function restoreBytes(bytes: Uint8Array, base64: unknown): void {
  if (typeof base64 === 'string') bytes.set(Buffer.from(base64, 'base64').subarray(0, bytes.length))
}

/** Bytes as base64. */
export function saveBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
