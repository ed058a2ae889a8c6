import { describe, expect, test } from 'vitest'
import { systemError } from '../../../src/base/system-error.ts'
import { boundDriver, groupMembers, visibleMembers } from '../../../src/host/group-members.ts'
import {
  kindOrNone,
  linkOrEmpty,
  listIfThere,
  listOrNone,
  readOrEmpty,
  readOrNull,
} from '../../../src/host/sysfs/readable.ts'
import type { HostFiles } from '../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { vmScenario } from '../../contract/vm-scenario.ts'

/** The files of a host, of which every call fails so. */
function failing(code: string): HostFiles {
  const kernel = createMockKernel(vmScenario)
  const fail = (path: string): never => {
    throw systemError(code, 'open', path)
  }
  return Object.assign(Object.create(kernel.files), { read: fail, list: fail, readlink: fail, kind: fail })
}

const path = '/sys/bus/pci/devices/0000:00:01.0/driver'

describe('what is not there is nothing', () => {
  test.each(['ENOENT', 'ENOTDIR'])('%s', (code) => {
    const files = failing(code)
    expect([readOrNull(files, path), listIfThere(files, path), boundDriver(files, path)]).toEqual([null, [], null])
    expect(groupMembers(files, 5)).toEqual([])
  })
})

describe('what cannot be read', () => {
  test.each(['EACCES', 'EIO'])('is told to who asks for a fact: %s', (code) => {
    const files = failing(code)
    for (const ask of [
      () => readOrNull(files, path),
      () => listIfThere(files, path),
      () => boundDriver(files, path),
      () => groupMembers(files, 5),
    ]) {
      expect(ask).toThrow(expect.objectContaining({ code }))
    }
  })

  test.each(['EACCES', 'EIO'])('is nothing to what only explains or shows: %s', (code) => {
    const files = failing(code)
    expect([readOrEmpty(files, path), linkOrEmpty(files, path), kindOrNone(files, path)]).toEqual(['', '', null])
    expect([listOrNone(files, path), visibleMembers(files, 5)]).toEqual([[], []])
  })
})
