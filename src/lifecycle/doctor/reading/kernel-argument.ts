import { kindOrNone } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/** Commands and words that change the kernel's command line. */
export interface ArgumentChange {
  readonly commands: readonly string[]
  readonly advice: string
}

/** The way in which this host's boot loader gets an argument of the kernel, or loses it. */
export function kernelArgument(files: HostFiles, change: 'add' | 'remove', argument: string): ArgumentChange {
  const isThere = (path: string) => kindOrNone(files, path) !== null
  const what = change === 'add' ? `add the kernel argument ${argument}` : `take the kernel argument ${argument} out`
  if (isThere('/usr/sbin/grubby') || isThere('/sbin/grubby')) {
    const option = change === 'add' ? '--args' : '--remove-args'
    return { commands: [`grubby --update-kernel=ALL ${option}=${argument}`], advice: `${what}, then reboot` }
  }
  if (isThere('/etc/kernel/cmdline')) {
    const refresh = isThere('/usr/sbin/proxmox-boot-tool') ? 'proxmox-boot-tool refresh' : 'kernel-install add-all'
    return { commands: [refresh], advice: `${what} (/etc/kernel/cmdline), run that command, then reboot` }
  }
  if (isThere('/etc/default/grub')) {
    const write = isThere('/usr/sbin/update-grub') ? 'update-grub' : 'grub2-mkconfig -o /boot/grub2/grub.cfg'
    return {
      commands: [write],
      advice: `${what} (GRUB_CMDLINE_LINUX in /etc/default/grub), run that command, then reboot`,
    }
  }
  return { commands: [], advice: `${what} (in the boot loader’s settings), then reboot` }
}
