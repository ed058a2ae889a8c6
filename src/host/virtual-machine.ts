/** A virtual machine of QEMU's, as its command line tells. */
export interface VirtualMachine {
  /** `-name guest=NAME`, which is libvirt's name of the domain; null if it has none. */
  readonly name: string | null
  /** `-uuid`, as it was given. */
  readonly uuid: string | null
}

/** The virtual machine of a process, by its arguments; null if it is not QEMU. */
export function virtualMachineOf(argv: readonly string[]): VirtualMachine | null {
  const program = argv[0]?.split('/').at(-1) ?? ''
  // Debian's and Proxmox's `kvm`, Red Hat's `qemu-kvm`, all others' `qemu-system-…`.
  if (!/^(qemu-.+|kvm)$/.test(program)) return null
  return { name: guestName(argumentOf(argv, 'name') ?? ''), uuid: argumentOf(argv, 'uuid') || null }
}

/** QEMU takes one dash or two, and the last of several. */
function argumentOf(argv: readonly string[], option: string): string | null {
  const at = Math.max(argv.lastIndexOf(`-${option}`), argv.lastIndexOf(`--${option}`))
  return at < 1 ? null : (argv[at + 1] ?? null)
}

/** QEMU's list of `key=value`, in which `guest=` may be left out of the first and a comma is written twice. */
function guestName(value: string): string | null {
  const parts = value.match(/(?:[^,]|,,)+/g) ?? []
  const named = parts.findLast((part) => part.startsWith('guest='))
  const first = parts[0] ?? ''
  const name = named?.slice('guest='.length) ?? (first.includes('=') ? '' : first)
  return name.replaceAll(',,', ',') || null
}
