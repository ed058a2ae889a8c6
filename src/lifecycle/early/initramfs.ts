import { programPath } from '../../host/program-path.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Run } from '../change/change.ts'
import type { KeptFile } from '../files/durable-files.ts'
import type { EarlyDevice } from './early-rule.ts'

/** A program that makes the initramfs, and the place where it finds what is to be in it. */
export interface Initramfs {
  readonly tool: 'initramfs-tools' | 'dracut' | 'mkinitcpio'
  /** The file that puts the rule and the modules in. */
  readonly file: KeptFile
  readonly content: (devices: readonly EarlyDevice[]) => string
  /** Command line that makes all images anew. */
  readonly remakeAll: string
  /** The image of the kernel that runs; null if it is not where the program has it, or is not to be moved. */
  readonly image: string | null
  /** The reason why there is no such image, as the end of a sentence; null if there is one. */
  readonly whyNone: string | null
  /** The place of the image as it was before early binding. */
  readonly copy: string | null
  readonly remake: Run | null
  /** Lists the image's files; null if no program does. */
  readonly list: Run | null
  /** That program, for any image; null if there is none. */
  readonly lister: string | null
}

/** The image of the kernel that runs: its path, or why there is none that can be made anew. */
export type Image = { readonly path: string } | { readonly whyNone: string }

/** The image, its copy, and the runs of the programs that make and list it. */
export function madeBy(
  files: HostFiles,
  image: Image,
  lister: string,
  remake: (path: string) => Omit<Run, 'action'>,
): Pick<Initramfs, 'image' | 'whyNone' | 'copy' | 'remake' | 'list' | 'lister'> {
  const program = programPath(files, lister)
  if ('whyNone' in image) {
    return { image: null, whyNone: image.whyNone, copy: null, remake: null, list: null, lister: program }
  }
  const { path } = image
  return {
    image: path,
    whyNone: null,
    copy: `${path}.vfioctl-old`,
    remake: { action: 'run', ...remake(path) },
    list: program === null ? null : { action: 'run', path: program, arguments: [path] },
    lister: program,
  }
}

/** The first of those places where there is an image. */
export function imageAt(files: HostFiles, paths: readonly string[]): Image {
  const path = paths.find((one) => files.kind(one) !== null)
  return path === undefined ? { whyNone: 'it is not at its usual place, or part of a unified kernel image' } : { path }
}

/** The modules that drivers of devices are in, each once. */
export function modulesOf(devices: readonly EarlyDevice[]): string[] {
  return [...new Set(devices.flatMap(({ module }) => module ?? []))].sort()
}

/** The line by which a file is known as ours. */
export const initramfsMark: string =
  '# Written by `vfioctl bind DEVICE --early`: puts its udev rule, and the modules that it loads, into the initramfs.'
