import type { FdTable } from '../descriptors/fd-table.ts'
import type { Machine } from '../machine/machine.ts'
import type { LockedMemory } from '../memory/locked-memory.ts'
import type { Frozen, ProcessRecord } from '../state/state.ts'
import { Directory, type Folder, readOnly } from './tree.ts'

/**
 * /proc of this process, and of every live one that holds something of the same machine; `iomem` is its file of that
 * name. Made anew at each look: an eventfd of this process is open without being part of the machine's state.
 */
export function procFolder({ fds, holdings, locked, scenario, store, traits }: Machine, iomem: string | null): Folder {
  return {
    kind: 'directory',
    onDisk: false,
    get entries() {
      const proc = new Directory()
      proc.at('sys/kernel').set('osrelease', readOnly(`${traits.release}\n`))
      proc.at('sys/kernel/random').set('boot_id', readOnly(`${bootId(store.read().boots)}\n`))
      if (iomem !== null) proc.set('iomem', readOnly(iomem))
      proc.set('interrupts', readOnly(interrupts(scenario.isolatesInterrupts !== false)))
      const others = store.read().processes.filter((record) => !holdings.isOwn(record))
      for (const record of [holdings.record(), ...others]) addProcess(proc.at(String(record.pid)), record)
      addLockedMemory(proc.at(String(process.pid)), locked)
      addFdInfo(proc.at(`${process.pid}/fdinfo`), fds)
      return proc.set('self', { kind: 'symlink', target: String(process.pid) }).entries
    },
  }
}

/** A UUID, another one at each boot. */
function bootId(boots: number): string {
  return `00000000-0000-4000-8000-${boots.toString(16).padStart(12, '0')}`
}

/** On x86-64, the names of the interrupt controllers say whether the IOMMU remaps what they send. */
function interrupts(areRemapped: boolean): string {
  const remapped = areRemapped ? 'IR-' : ''
  return `${' '.repeat(11)}CPU0\n  4:${'7'.padStart(11)}  ${remapped}IO-APIC    4-edge      ttyS0\n`
}

/** CAP_IPC_LOCK (linux/capability.h), with which no limit holds. */
const ipcLock = 1n << 14n

/** Adds the lines of `limits` and `status` for locked memory: this process's limit, and its use of it. */
function addLockedMemory(directory: Directory, locked: LockedMemory): void {
  const { limit } = locked
  const shown = limit === null ? 'unlimited' : String(limit)
  const limits = [
    `${'Limit'.padEnd(26)}${'Soft Limit'.padEnd(21)}${'Hard Limit'.padEnd(21)}Units     `,
    `${'Max locked memory'.padEnd(26)}${shown.padEnd(21)}${shown.padEnd(21)}bytes     `,
  ]
  const capabilities = (limit === null ? ipcLock : 0n).toString(16).padStart(16, '0')
  const kibibytes = String(locked.bytes / 1024n).padStart(8)
  const status = [`VmLck:\t${kibibytes} kB`, `VmPin:\t${'0'.padStart(8)} kB`, `CapEff:\t${capabilities}`]
  directory.set('limits', readOnly(`${limits.join('\n')}\n`)).set('status', readOnly(`${status.join('\n')}\n`))
}

/** O_CLOEXEC (asm-generic/fcntl.h), which every descriptor has here. */
const closeOnExec = '02000000'

function addFdInfo(directory: Directory, fds: FdTable): void {
  for (const [fd, { details = {} }] of fds.entries()) {
    const lines = Object.entries({ pos: '0', flags: closeOnExec, ...details }).map(
      ([name, value]) => `${name}:\t${value}\n`,
    )
    directory.set(String(fd), readOnly(lines.join('')))
  }
}

function addProcess(directory: Directory, record: Frozen<ProcessRecord>): void {
  directory.set('comm', readOnly(`${record.comm}\n`)).set('cmdline', readOnly(record.cmdline))
  const fds = directory.at('fd')
  for (const [fd, target] of record.fds) {
    // several kernel objects of one process may use the same number: the later one shows the next free
    let number = fd
    while (fds.entries.has(String(number))) number++
    fds.set(String(number), { kind: 'symlink', target })
  }
}
