import { escaped, hex } from '../../base/units.ts'
import { decode, infoCapabilities } from '../../uapi/struct.ts'
import { featureName, type TracedIoctl } from './ioctl-arguments.ts'

/** Bytes of data that a line shows. */
const maxBytes = 16
/** Characters of a text that a line shows. */
const maxText = 200

/**
 * An ioctl's argument, as strace shows one: `{argsz=24, flags=RESET|PCI, num_regions=9}`. Fields that are 0 are left
 * out.
 */
export function shownArgument(ioctl: TracedIoctl | null, argument: Uint8Array | number | undefined): string | null {
  if (argument === undefined) return null
  if (typeof argument === 'number') return String(argument)
  if (ioctl?.name === 'VFIO_GROUP_GET_DEVICE_FD')
    return shownText(Buffer.from(argument).toString('latin1').replace(/\0.*$/s, ''))
  const { layout } = ioctl ?? {}
  if (ioctl === null || layout === undefined || argument.length < layout.size) return shownBytes(argument)
  const values = decode(layout, argument)
  const fields = Object.entries(values)
    .filter(([, value]) => Number(value) !== 0)
    .map(([name, value]) => `${name}=${name === 'flags' ? shownFlags(ioctl, Number(value)) : shownNumber(name, value)}`)
  const capabilities = shownCapabilities(layout.name, layout.size, argument, values)
  const behind = argument.length - layout.size
  const more = capabilities ?? (behind === 0 ? [] : [`data=${shownBytes(argument.subarray(layout.size))}`])
  return `{${[...fields, ...more].join(', ')}}`
}

/** The chain behind an info struct; null if there is none, or it cannot be walked. */
function shownCapabilities(
  name: string,
  size: number,
  bytes: Uint8Array,
  values: Readonly<Record<string, number | bigint>>,
): string[] | null {
  const first = Number(values['cap_offset'] ?? 0)
  if (first === 0) return 'cap_offset' in values ? [] : null
  try {
    const end = Math.min(Number(values['argsz'] ?? bytes.length), bytes.length)
    const chain = infoCapabilities(name, bytes.subarray(0, end), first, size)
    return [`capabilities=[${chain.map(({ id, version }) => `${id} v${version}`).join(', ')}]`]
  } catch {
    return null
  }
}

function shownFlags({ name, flags }: TracedIoctl, value: number): string {
  const [bits, prefix] = flags ?? [{}, '']
  let left = value
  const names: string[] = []
  for (const [bit, mask] of Object.entries(bits)) {
    if (mask === 0 || (value & mask) !== mask) continue
    names.push(bit.replace(prefix, ''))
    left &= ~mask
  }
  const isFeature = name === 'VFIO_DEVICE_FEATURE'
  if (isFeature) names.push(featureName(left) ?? String(left))
  else if (left !== 0) names.push(hex(left >>> 0))
  return names.join('|')
}

/** Sizes and counts in decimal, addresses in hexadecimal. */
function shownNumber(name: string, value: number | bigint): string {
  const isAddress = /iova|vaddr|addr|offset|bitmap|ptr/.test(name) && name !== 'cap_offset'
  return isAddress ? hex(value) : String(value)
}

/** `[de ad be ef …]` */
export function shownBytes(bytes: Uint8Array): string {
  const some = [...bytes.subarray(0, maxBytes)].map((byte) => byte.toString(16).padStart(2, '0'))
  return `[${some.join(' ')}${bytes.length > maxBytes ? ` … of ${bytes.length}` : ''}]`
}

/** In quotes, without control characters, and cut if it is long. */
export function shownText(text: string): string {
  const cut = text.length > maxText ? `${text.slice(0, maxText)}…` : text
  return `"${escaped(cut.replaceAll('\n', '\\n'))}"`
}
