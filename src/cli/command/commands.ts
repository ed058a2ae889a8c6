import type { Command } from './command.ts'

interface Entry {
  readonly summary: string
  /** Loaded only if the command is the one that was named. */
  readonly load: () => Promise<{ readonly default: Command }>
}

/** Every command, in the order of the help. */
export const commands: Readonly<Record<string, Entry>> = {
  types: { summary: 'Show what the cards of this host offer', load: () => import('../commands/types.ts') },
  list: { summary: 'Show virtual devices, running and defined', load: () => import('../commands/list.ts') },
  watch: {
    summary: 'Watch virtual devices and definitions',
    load: () => import('../commands/watch.ts'),
  },
  define: { summary: 'Keep a definition of a virtual device', load: () => import('../commands/define.ts') },
  undefine: { summary: 'Forget a definition', load: () => import('../commands/undefine.ts') },
  modify: { summary: 'Change a definition', load: () => import('../commands/modify.ts') },
  start: { summary: 'Start a defined virtual device, or make one', load: () => import('../commands/start.ts') },
  stop: { summary: 'Stop a running virtual device', load: () => import('../commands/stop.ts') },
  sriov: {
    summary: 'Give a device virtual functions, now and at every boot',
    load: () => import('../commands/sriov.ts'),
  },
  plan: { summary: 'Show what a spec file would change', load: () => import('../commands/plan.ts') },
  apply: { summary: 'Make this host as a spec file says', load: () => import('../commands/apply.ts') },
  restore: {
    summary: 'Start what is defined to start by itself, as its parents appear',
    load: () => import('../commands/restore.ts'),
  },
  boot: {
    summary: 'Have `restore` run at boot, and as parents appear later',
    load: () => import('../commands/boot.ts'),
  },
  groups: {
    summary: 'Show the IOMMU groups, and which of them VFIO can have',
    load: () => import('../commands/groups.ts'),
  },
  bind: { summary: 'Give a device to a driver: vfio-pci', load: () => import('../commands/bind.ts') },
  release: { summary: 'Give a device back to its own driver', load: () => import('../commands/release.ts') },
  inspect: {
    summary: 'Open a device and show its regions and interrupts',
    load: () => import('../commands/inspect.ts'),
  },
  read: { summary: 'Read from a region of a device', load: () => import('../commands/read.ts') },
  write: { summary: 'Write to a region of a device', load: () => import('../commands/write.ts') },
  dump: { summary: 'Dump a region of a device, in hex or to a file', load: () => import('../commands/dump.ts') },
  irq: { summary: 'Watch the interrupts of a device, or trigger one', load: () => import('../commands/irq.ts') },
  reset: { summary: 'Reset a device', load: () => import('../commands/reset.ts') },
  mock: { summary: 'Manage the simulated hosts of --mock', load: () => import('../commands/mock.ts') },
  completion: {
    summary: 'Print a completion script for bash, zsh or fish',
    load: () => import('../commands/completion.ts'),
  },
}
