import type { HostFiles } from '../../../src/kernel/kernel.ts'

class Killed extends Error {}

/** The same files, in a process that is killed after so many changes: that call and all later ones never happen. */
export function killedAfter(files: HostFiles, changes: number): HostFiles {
  let left = changes
  const dead = <A extends unknown[], R>(call: (...args: A) => R) => {
    return (...args: A): R => {
      if (left-- <= 0) throw new Killed()
      return call(...args)
    }
  }
  return {
    list: files.list.bind(files),
    read: files.read.bind(files),
    readlink: files.readlink.bind(files),
    kind: files.kind.bind(files),
    write: dead(files.write.bind(files)),
    create: dead(files.create.bind(files)),
    rename: dead(files.rename.bind(files)),
    unlink: dead(files.unlink.bind(files)),
    makeDirectory: dead(files.makeDirectory.bind(files)),
    removeDirectory: dead(files.removeDirectory.bind(files)),
    syncDirectory: dead(files.syncDirectory.bind(files)),
  }
}
