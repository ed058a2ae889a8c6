import type { Kernel } from '../../kernel/kernel.ts'
import { pathOf } from '../files/durable-files.ts'
import { ruleFile, undoPath, withoutEarly } from './early-files.ts'
import { initramfsImages } from './initramfs-images.ts'
import type { EarlyPlan } from './plan-early.ts'

/** Lines to be told once a plan is carried out: what is left to do, and the ways back. */
export function earlyWords({ files, runsPrograms }: Kernel, plan: EarlyPlan): string[] {
  const { devices, initramfs, remaking, steps } = plan
  const isWanted = devices.length > 0 && steps.length > 0
  const others =
    initramfs === null || steps.length === 0
      ? []
      : initramfsImages(files, initramfs.image).filter((path) => path !== initramfs.image)
  const left = [
    ...(initramfs === null && isWanted
      ? [
          `there is no initramfs-tools, dracut or mkinitcpio here: ${pathOf(ruleFile)} counts once the root file system is there, and a ` +
            'driver that the initramfs itself loads comes first, unless the rule, udev and the module are put into it',
        ]
      : []),
    ...(initramfs !== null && remaking === null && steps.length > 0
      ? [
          `the initramfs is not made anew${initramfs.whyNone === null || !runsPrograms ? ' here' : `: ${initramfs.whyNone}`}: on that machine, ${initramfs.remakeAll}`,
        ]
      : []),
    ...(initramfs !== null && remaking !== null && others.length > 0
      ? [`other images are as they were, and boot without it (${others.join(', ')}): ${initramfs.remakeAll}`]
      : []),
  ]
  if (!isWanted) return left
  return [
    ...left,
    `from the next boot on, no other driver comes first; ${withoutEarly} on the kernel's command line leaves that out of one ` +
      `boot, and without vfioctl, sh ${undoPath} takes it back`,
  ]
}
