import { listOrNone } from '../../host/sysfs/readable.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { pathOf } from '../files/durable-files.ts'
import { ruleFile, undoPath, withoutEarly } from './early-files.ts'
import type { EarlyPlan } from './plan-early.ts'

/** Lines to be told once a plan is carried out: what is left to do, and the ways back. */
export function earlyWords({ files, runsPrograms }: Kernel, plan: EarlyPlan): string[] {
  const { devices, initramfs, remaking, steps } = plan
  const isWanted = devices.length > 0 && steps.length > 0
  const others =
    initramfs === null || steps.length === 0 ? [] : otherImages(listOrNone(files, '/boot'), initramfs.image)
  const left = [
    ...(initramfs === null && isWanted
      ? [
          `there is no initramfs-tools and no dracut here: ${pathOf(ruleFile)} counts once the root file system is there, and a ` +
            'driver that the initramfs itself loads comes first, unless the rule, udev and the module are put into it',
        ]
      : []),
    ...(initramfs !== null && remaking === null && steps.length > 0
      ? [
          `the initramfs is not made anew${runsPrograms ? ': it is not at its usual place, or its boot loader (zipl, LILO) has to be run after that' : ' here'}: on that machine, ${initramfs.remakeAll}`,
        ]
      : []),
    ...(initramfs !== null && remaking !== null && others.length > 0
      ? [`the initramfs of other kernels is as it was (${others.join(', ')}): ${initramfs.remakeAll}`]
      : []),
  ]
  if (!isWanted) return left
  return [
    ...left,
    `from the next boot on, no other driver comes first; ${withoutEarly} on the kernel's command line leaves that out of one ` +
      `boot, and without vfioctl, sh ${undoPath} takes it back`,
  ]
}

/** Images beside that of the kernel that runs; copies are none. */
function otherImages(names: readonly string[], image: string | null): string[] {
  return names
    .filter((name) => /^init(?:rd|ramfs)[.-]/.test(name) && !/(?:\.vfioctl-\w+|\.bak|\.old|\.new|dpkg-bak)$/.test(name))
    .map((name) => `/boot/${name}`)
    .filter((path) => path !== image)
    .sort()
}
