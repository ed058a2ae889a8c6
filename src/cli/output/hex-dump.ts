/** Sixteen bytes a line: the offset, the bytes, and what of them is text. */
export function hexDump(bytes: Uint8Array, from: number): string {
  const digits = Math.max(8, (from + bytes.length).toString(16).length)
  let dump = ''
  for (let at = 0; at < bytes.length; at += 16) {
    const line = bytes.subarray(at, at + 16)
    const halves = [line.subarray(0, 8), line.subarray(8)].map((half) =>
      Array.from(half, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
    )
    const offset = (from + at).toString(16).padStart(digits, '0')
    dump += `${offset}  ${halves.join('  ').padEnd(48)}  |${asText(line)}|\n`
  }
  return dump
}

function asText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
}
