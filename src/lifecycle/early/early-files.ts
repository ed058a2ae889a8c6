import { type KeptFile, pathOf } from '../files/durable-files.ts'
import { settingsPath } from '../settings/settings.ts'

/** The word on the kernel's command line that leaves early binding out of one boot. */
export const withoutEarly = 'vfioctl.early=0'

/** The udev rule: before 80-drivers.rules, which has the modules of drivers loaded. */
export const ruleFile: KeptFile = { folder: '/etc/udev/rules.d', name: '05-vfioctl-early.rules' }

/** The generated way back for a machine on which vfioctl does not run. */
export const undoFile: KeptFile = { folder: settingsPath, name: 'early-undo', mode: 0o755 }

/** Its path, for texts. */
export const undoPath: string = pathOf(undoFile)

/** Stands from the first write of a change to its end: what was killed meanwhile is done again. */
export const unfinishedFile: KeptFile = { folder: settingsPath, name: 'early-unfinished' }
