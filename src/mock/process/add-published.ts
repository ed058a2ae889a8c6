import type { OpenFile } from '../descriptors/open-file.ts'
import type { MockState } from '../state/state.ts'
import type { Process } from './process-holdings.ts'

/** A descriptor for a file, in one transaction with what the machine is to know of it; none where that throws. */
export function addPublished({ fds, holdings }: Process, file: OpenFile, change?: (draft: MockState) => void): number {
  const fd = fds.add(file)
  try {
    holdings.publish(change)
    return fd
  } catch (error) {
    fds.take(fd)
    throw error
  }
}
