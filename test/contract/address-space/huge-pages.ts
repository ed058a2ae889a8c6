import { onTestFinished, type TestContext } from 'vitest'
import type { Kernel } from '../../../src/kernel/kernel.ts'

const reserved = '/proc/sys/vm/nr_hugepages'

/** Huge pages of the kernel's size set aside until the test is over. Skips the test where they cannot be had. */
export async function reserveHugePages({ skip }: TestContext, { name, files }: Kernel, count: number): Promise<void> {
  // the mock has as many as one likes
  if (name === 'mock') return
  if (files.kind(reserved) === null) skip('this kernel has no huge pages')
  if (process.getuid?.() !== 0) skip('not root')
  const before = files.read(reserved)
  onTestFinished(() => files.write(reserved, before))
  await files.write(reserved, String(Number(before) + count))
  if (Number(files.read(reserved)) < Number(before) + count) skip(`the machine has no room for ${count} huge pages`)
}
