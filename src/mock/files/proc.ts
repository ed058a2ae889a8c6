import type { Machine } from '../machine.ts'
import type { Frozen, ProcessRecord } from '../state/state.ts'
import { Directory, type Folder, readOnly } from './tree.ts'

/**
 * /proc of this process, and of every live one that holds something of the same machine. Made anew at each look: an
 * eventfd of this process is open without being part of the machine's state.
 */
export function procFolder({ holdings, store }: Machine): Folder {
  return {
    kind: 'directory',
    onDisk: false,
    get entries() {
      const proc = new Directory()
      const others = store.read().processes.filter((record) => !holdings.isOwn(record))
      for (const record of [holdings.record(), ...others]) addProcess(proc.at(String(record.pid)), record)
      return proc.set('self', { kind: 'symlink', target: String(process.pid) }).entries
    },
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
