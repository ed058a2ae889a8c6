import type { Machine } from '../machine.ts'
import type { MockState } from '../state/state.ts'
import type { OpenFile } from './open-file.ts'

/** A descriptor for a file, in one transaction with what the machine is to know of it; none where that throws. */
export function addPublished({ fds, holdings }: Machine, file: OpenFile, change?: (draft: MockState) => void): number {
  const fd = fds.add(file)
  try {
    holdings.publish(change)
    return fd
  } catch (error) {
    fds.take(fd)
    throw error
  }
}
