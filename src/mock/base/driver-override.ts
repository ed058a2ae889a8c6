import { Errno } from './errno.ts'
import type { KernelTraits } from './kernel-traits.ts'

/**
 * The driver that a write to `driver_override` names: one line, of less than a page. An empty one ends the override.
 */
export function namedOverride({ pageSize }: Pick<KernelTraits, 'pageSize'>, bytes: Buffer): string | null {
  const text = bytes.toString()
  if (text.length >= pageSize - 1) throw new Errno('EINVAL')
  const [name = ''] = text.split('\n', 1)
  return name === '' ? null : name
}
