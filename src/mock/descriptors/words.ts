import type { Kernel, WordWidth } from '../../kernel/kernel.ts'

/** `Kernel.readWord` of a kernel that is no real one. */
export function readWordBy(kernel: Pick<Kernel, 'pread'>, fd: number, offset: number, width: WordWidth): number {
  const bytes = Buffer.alloc(width)
  const moved = kernel.pread(fd, bytes, offset)
  return moved === width ? bytes.readUIntLE(0, width) : ~moved
}

/** `Kernel.writeWord` of such a kernel. */
export function writeWordBy(
  kernel: Pick<Kernel, 'pwrite'>,
  fd: number,
  offset: number,
  width: WordWidth,
  value: number,
): number {
  const bytes = Buffer.alloc(width)
  bytes.writeUIntLE(value, 0, width)
  return kernel.pwrite(fd, bytes, offset)
}
