/**
 * Flags of a byte or word by name, as arch/s390/include/asm has them: each the value of its bit, of which bit 0 is the
 * least significant.
 */
export type ChannelFlags<Bits extends Readonly<Record<string, number>>> = { readonly [Name in keyof Bits]: boolean }

/** Each flag that is set. */
export function flagsOf<const Bits extends Readonly<Record<string, number>>>(
  bits: Bits,
  value: number,
): ChannelFlags<Bits> {
  const flags: Record<string, boolean> = {}
  for (const [name, bit] of Object.entries(bits)) flags[name] = (value & bit) !== 0
  if (!hasEvery(bits, flags)) throw new TypeError('a flag was left out')
  return flags
}

/** The value with the bits of the flags that are true. */
export function bitsOf<const Bits extends Readonly<Record<string, number>>>(
  bits: Bits,
  flags: Partial<ChannelFlags<Bits>>,
): number {
  let value = 0
  for (const [name, bit] of Object.entries(bits)) if (flags[name] === true) value |= bit
  return value >>> 0
}

function hasEvery<Bits extends Readonly<Record<string, number>>>(
  bits: Bits,
  flags: Readonly<Record<string, boolean>>,
): flags is ChannelFlags<Bits> {
  return Object.keys(bits).every((name) => name in flags)
}
