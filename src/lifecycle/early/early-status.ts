import { kernelAnswer } from '../../base/errors.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { pathOf } from '../files/durable-files.ts'
import { ruleFile, unfinishedFile, withoutEarly } from './early-files.ts'
import type { EarlyDevice } from './early-rule.ts'
import { findInitramfs } from './find-initramfs.ts'
import { initramfsImages } from './initramfs-images.ts'
import { isRuleIn } from './look-into.ts'
import { planEarly } from './plan-early.ts'

/** The devices that are bound early, and what there is for that. */
export interface EarlyStatus {
  readonly devices: readonly EarlyDevice[]
  /** The udev rule: 'outdated' if another one would be written now, 'foreign' if somebody else wrote it. */
  readonly rule: { readonly path: string; readonly state: 'written' | 'missing' | 'outdated' | 'foreign' }
  readonly images: readonly EarlyImage[]
  /** The boot that runs was told to leave it out (`vfioctl.early=0`). */
  readonly leftOut: boolean
  /** A change was ended before its end. */
  readonly unfinished: boolean
}

/** An initramfs image. */
export interface EarlyImage {
  readonly path: string
  /** It is that of the kernel that runs. */
  readonly running: boolean
  /** It has the rule, or none; 'older' than the rule that is written; 'unknown' if it could not be looked into. */
  readonly rule: 'there' | 'missing' | 'older' | 'unknown'
}

/** Null if no device is to be early, and nothing of it is there. */
export async function earlyStatus(kernel: Kernel, devices: readonly EarlyDevice[]): Promise<EarlyStatus | null> {
  const { files } = kernel
  const path = pathOf(ruleFile)
  const unfinished = files.kind(pathOf(unfinishedFile)) !== null
  if (devices.length === 0 && files.kind(path) === null && !unfinished) return null
  const initramfs = findInitramfs(files)
  const images: EarlyImage[] = []
  for (const image of initramfs === null ? [] : initramfsImages(files, initramfs.image)) {
    const running = image === initramfs?.image
    images.push({ path: image, running, rule: await ruleIn(kernel, image, initramfs?.lister ?? null) })
  }
  const leftOut = readOrEmpty(files, '/proc/cmdline').split(/\s+/).includes(withoutEarly)
  return { devices, rule: { path, state: ruleState(kernel, devices) }, images, leftOut, unfinished }
}

function ruleState({ files }: Kernel, devices: readonly EarlyDevice[]): EarlyStatus['rule']['state'] {
  if (files.kind(pathOf(ruleFile)) === null) return 'missing'
  try {
    return planEarly(files, devices, false).files.some(({ file }) => file === ruleFile) ? 'outdated' : 'written'
  } catch (error) {
    // a file of somebody else's is in the way
    return kernelAnswer(error).includes(pathOf(ruleFile)) ? 'foreign' : 'written'
  }
}

async function ruleIn(kernel: Kernel, image: string, lister: string | null): Promise<EarlyImage['rule']> {
  const { files, runsPrograms } = kernel
  if (lister === null || !runsPrograms) return 'unknown'
  const isIn = await isRuleIn(kernel, { action: 'run', path: lister, arguments: [image] })
  if (isIn === null) return 'unknown'
  if (!isIn) return 'missing'
  const isOlder = files.kind(pathOf(ruleFile)) !== null && files.modified(image) < files.modified(pathOf(ruleFile))
  return isOlder ? 'older' : 'there'
}
