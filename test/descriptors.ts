import type { Kernel } from '../src/kernel/kernel.ts'

/** The open descriptors of this process, each with its target: `7 socket:[4711]`. */
export function openDescriptors({ files, pid }: Pick<Kernel, 'files' | 'pid'>): string[] {
  const folder = `/proc/${pid}/fd`
  return files.list(folder).flatMap((fd) => {
    try {
      return [`${fd} ${files.readlink(`${folder}/${fd}`)}`]
    } catch {
      // The descriptor that lists the folder is in the list and gone afterwards.
      return []
    }
  })
}
