/** Saved state comes from a file: a field that is not what it was saved as counts as never saved. */
export function savedField(saved: unknown, name: string): unknown {
  if (typeof saved !== 'object' || saved === null) return undefined
  return Object.getOwnPropertyDescriptor(saved, name)?.value
}

export function savedNumber(saved: unknown, name: string, otherwise: number, most: number): number {
  const value = savedField(saved, name)
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most ? value : otherwise
}

export function savedFlag(saved: unknown, name: string): boolean {
  return savedField(saved, name) === true
}

/** Bytes kept as base64: put into `bytes` as far as they go. */
export function restoreBytes(bytes: Uint8Array, base64: unknown): void {
  if (typeof base64 === 'string') bytes.set(Buffer.from(base64, 'base64').subarray(0, bytes.length))
}

export function saveBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
