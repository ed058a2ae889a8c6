import { VfioError } from '../../base/errors.ts'
import type { BusDevice } from '../../host/bus/bus-device.ts'
import { programPath } from '../../host/program-path.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Run, Step } from '../change/change.ts'
import { type KeptFile, pathOf, readKept } from '../files/durable-files.ts'
import type { Replacement } from '../files/write-all.ts'
import { ruleFile, undoFile, undoPath, unfinishedFile } from './early-files.ts'
import { type EarlyDevice, earlyRule } from './early-rule.ts'
import { findInitramfs } from './find-initramfs.ts'
import type { Initramfs } from './initramfs.ts'

/** The change that gives the devices, and no others, their drivers early. */
export interface EarlyPlan {
  readonly devices: readonly EarlyDevice[]
  /** The files, in the order in which they are written; none if all is so already. */
  readonly files: readonly Replacement[]
  /** Null if the host has no program for it that vfioctl knows. */
  readonly initramfs: Initramfs | null
  /** The image that is to be made anew, and how; null for none. */
  readonly remaking: Remaking | null
  /** True if a change before was killed before its end. */
  readonly isUnfinished: boolean
  /** The same as steps. */
  readonly steps: readonly Step[]
}

/** An initramfs that is made anew once a copy of it is kept. */
export interface Remaking {
  readonly image: string
  /** The copy as it was before this change. */
  readonly copy: string
  /** Copies that are of no use once the change is made: there is one of before early binding, as long as that is. */
  readonly passing: readonly string[]
  readonly keep: Run
  readonly remake: Run
  readonly list: Run | null
}

const written = 'Written by `vfioctl bind DEVICE --early`'

/**
 * The plan for the devices that are to be early from now on; with `runs`, programs of the host can be run.
 * ALREADY_EXISTS if a file of somebody else's is in the way.
 */
export function planEarly(files: HostFiles, devices: readonly EarlyDevice[], runs: boolean): EarlyPlan {
  const initramfs = findInitramfs(files)
  const own = [ruleFile, ...(initramfs === null ? [] : [initramfs.file])]
  const isWanted = devices.length > 0
  const wanted = [
    { file: undoFile, content: undoScript([...own, undoFile, unfinishedFile], initramfs) },
    { file: ruleFile, content: earlyRule(devices) },
    ...(initramfs === null ? [] : [{ file: initramfs.file, content: initramfs.content(devices) }]),
  ]
  const all = wanted.map(({ file, content }): Replacement => {
    return { file, now: ownContent(files, file), content: isWanted ? content : null }
  })
  const isUnfinished = files.kind(pathOf(unfinishedFile)) !== null
  const changed = all.filter(({ now, content }) => now !== content)
  const remaking = runs && (changed.length > 0 || isUnfinished) ? remakingOf(files, initramfs, all) : null
  return { devices, files: changed, initramfs, remaking, isUnfinished, steps: stepsOf(changed, remaking, isUnfinished) }
}

function remakingOf(files: HostFiles, initramfs: Initramfs | null, all: readonly Replacement[]): Remaking | null {
  const { image = null, copy: old = null, remake = null, list = null } = initramfs ?? {}
  const program = programPath(files, 'cp')
  if (image === null || old === null || remake === null || program === null) return null
  const rule = all.find(({ file }) => file === ruleFile)
  const copy = rule === undefined || rule.now === null ? old : `${image}.vfioctl-before`
  const last = rule?.content === null && files.kind(old) !== null ? [old] : []
  const passing = [...(copy === old ? [] : [copy]), ...last]
  const keep: Run = { action: 'run', path: program, arguments: ['-p', '--', image, copy] }
  return { image, copy, passing, keep, remake, list }
}

function stepsOf(changed: readonly Replacement[], remaking: Remaking | null, isUnfinished: boolean): Step[] {
  const saved = changed.map(({ file, content }): Step => {
    const path = pathOf(file)
    return content === null ? { action: 'delete', path } : { action: 'save', path, content }
  })
  const ending: Step[] = isUnfinished ? [{ action: 'delete', path: pathOf(unfinishedFile) }] : []
  if (remaking === null) return [...saved, ...ending]
  const { keep, remake, list, passing } = remaking
  return [
    keep,
    ...saved,
    remake,
    ...(list === null ? [] : [list]),
    ...ending,
    ...passing.map((path): Step => ({ action: 'delete', path })),
  ]
}

/** True if a change was killed before its end, or the rule names a device that is not to be early. */
export function isLeftOver(files: HostFiles, { bus, name }: BusDevice): boolean {
  if (files.kind(pathOf(unfinishedFile)) !== null) return true
  return bus === 'pci' && readOrEmpty(files, pathOf(ruleFile)).includes(`[pci/${name}]`)
}

/** The content at the place of a file of ours; null if there is none. */
function ownContent(files: HostFiles, file: KeptFile): string | null {
  const path = pathOf(file)
  const text = readKept(files, path, (content) => content)
  if (text === null || text.split('\n', 2).some((line) => line.includes(written))) return text
  throw new VfioError('ALREADY_EXISTS', `${path} is there and was not written by vfioctl: nothing is changed`, {
    path,
    hint: `look at it, and move it away: mv ${path} ${path}.old`,
  })
}

/**
 * The script that takes early binding back without vfioctl: the files, then the initramfs, made anew or, if that fails,
 * as it was before. The drivers stay kept, for `vfioctl restore`.
 */
function undoScript(files: readonly KeptFile[], initramfs: Initramfs | null): string {
  const { image = null, copy = null, remakeAll = null } = initramfs ?? {}
  const old = image === null || copy === null ? '' : ` || mv -f ${copy} ${image}`
  return `#!/bin/sh
# Written by \`vfioctl bind DEVICE --early\`: takes early binding back without vfioctl, as from a rescue system:
#   chroot /mnt sh ${undoPath}
rm -f ${files.map(pathOf).join(' ')}
${remakeAll === null ? '' : `${remakeAll}${old}\n`}`
}
