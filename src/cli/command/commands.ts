import type { Command } from './command.ts'

interface Entry {
  readonly summary: string
  /** Loaded only if the command is the one that was named. */
  readonly load: () => Promise<{ readonly default: Command }>
}

/** Every command, in the order of the help. */
export const commands: Readonly<Record<string, Entry>> = {
  types: {
    summary: 'List the types of virtual devices that this host’s cards offer',
    load: () => import('../commands/types.ts'),
  },
  list: { summary: 'List virtual devices, running and defined', load: () => import('../commands/list.ts') },
  watch: {
    summary: 'Report virtual devices, definitions and types as they change',
    load: () => import('../commands/watch.ts'),
  },
  define: { summary: 'Store the definition of a virtual device', load: () => import('../commands/define.ts') },
  undefine: { summary: 'Delete a stored definition', load: () => import('../commands/undefine.ts') },
  modify: { summary: 'Change a stored definition', load: () => import('../commands/modify.ts') },
  start: { summary: 'Start a defined virtual device, or create one', load: () => import('../commands/start.ts') },
  stop: { summary: 'Stop a running virtual device', load: () => import('../commands/stop.ts') },
  sriov: {
    summary: 'Set the number of a device’s virtual functions, now and at every boot',
    load: () => import('../commands/sriov.ts'),
  },
  'gpu-mode': {
    summary: 'Show or set a GPU’s MIG layout and mixed vGPU sizes, now and at every boot',
    load: () => import('../commands/gpu-mode.ts'),
  },
  plan: { summary: 'Show what a spec file would change', load: () => import('../commands/plan.ts') },
  apply: { summary: 'Change this host to match a spec file', load: () => import('../commands/apply.ts') },
  export: {
    summary: 'Print this host as a spec file',
    load: () => import('../commands/export.ts'),
  },
  spec: {
    summary: 'Check a spec file, or print an example or the JSON Schema of one',
    load: () => import('../commands/spec.ts'),
  },
  restore: {
    summary: 'Restore the devices, virtual functions and drivers kept for each boot',
    load: () => import('../commands/restore.ts'),
  },
  boot: {
    summary: 'Install the units and udev rule that run `restore`, or remove them',
    load: () => import('../commands/boot.ts'),
  },
  doctor: {
    summary: 'Find what keeps VFIO from working here, and what mends it',
    load: () => import('../commands/doctor.ts'),
  },
  capture: {
    summary: 'Record this host in a file, for --mock to read elsewhere',
    load: () => import('../commands/capture.ts'),
  },
  groups: {
    summary: 'List the IOMMU groups, and whether VFIO can use each',
    load: () => import('../commands/groups.ts'),
  },
  bind: { summary: 'Bind a device to VFIO’s best driver, or to another', load: () => import('../commands/bind.ts') },
  release: { summary: 'Return a device to its own driver', load: () => import('../commands/release.ts') },
  inspect: {
    summary: 'Open a device and show its regions and interrupts',
    load: () => import('../commands/inspect.ts'),
  },
  read: { summary: 'Read from a region of a device', load: () => import('../commands/read.ts') },
  write: { summary: 'Write to a region of a device', load: () => import('../commands/write.ts') },
  dump: { summary: 'Dump a region of a device, in hex or to a file', load: () => import('../commands/dump.ts') },
  screenshot: {
    summary: 'Write what the display of a virtual device shows to a PNG file',
    load: () => import('../commands/screenshot.ts'),
  },
  irq: { summary: 'Watch the interrupts of a device, or trigger one', load: () => import('../commands/irq.ts') },
  reset: { summary: 'Reset a device', load: () => import('../commands/reset.ts') },
  qemu: {
    summary: 'Print the QEMU arguments that give devices to a guest',
    load: () => import('../commands/qemu.ts'),
  },
  libvirt: {
    summary: 'Print the libvirt XML that gives devices to a guest, or attach them',
    load: () => import('../commands/libvirt.ts'),
  },
  cdi: {
    summary: 'Print or write a CDI spec, which gives a container the nodes of devices',
    load: () => import('../commands/cdi.ts'),
  },
  run: { summary: 'Run a program with devices, without root', load: () => import('../commands/run.ts') },
  mock: { summary: 'Manage the simulated hosts of --mock', load: () => import('../commands/mock.ts') },
  completion: {
    summary: 'Print a completion script for bash, zsh or fish',
    load: () => import('../commands/completion.ts'),
  },
}
