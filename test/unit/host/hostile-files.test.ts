import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VfioError } from '../../../src/base/errors.ts'
import { isSystemError, systemError } from '../../../src/base/system-error.ts'
import { parsePciAddress } from '../../../src/base/units.ts'
import { deviceName } from '../../../src/host/device-name.ts'
import { findDeviceUsers } from '../../../src/host/device-users.ts'
import { readIommuGroups } from '../../../src/host/iommu-groups.ts'
import { findVfioDevice } from '../../../src/host/vfio-device.ts'
import type { FileOwner, HostFiles } from '../../../src/kernel/kernel.ts'
import { PciUses } from '../../../src/lifecycle/in-use/pci-uses.ts'
import { list } from '../../../src/lifecycle/kinds/list.ts'
import { readMdevDevices } from '../../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { readMdevTypes } from '../../../src/lifecycle/kinds/mdev/mdev-types.ts'
import { expectAnswers } from '../hostile.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const names = [
  '0',
  '5',
  '5',
  '99999999999',
  uuid,
  '0000:3b:00.0',
  '3b:00.0',
  'mtty',
  'vfio0',
  'vfio-pci',
  '.',
  '..',
  '',
]
const texts = [
  '',
  '\n',
  '4\n',
  '-1',
  '4294967296',
  '0x10de\n',
  '0x',
  'vfio-pci\n',
  '\0\x1b[2J',
  'x'.repeat(300),
  '{"mdev_type":"t"}',
]
const kinds = [null, 'file', 'directory', 'symlink', 'device'] as const
const errnos = ['ENOENT', 'EACCES', 'EIO', 'ENOTDIR', 'EINVAL', 'ENODEV']

/** Files that are up to anything, as far as a path and a seed say: the same each time they are looked at. */
class HostileFiles implements HostFiles {
  readonly uid = 0
  readonly #seed: number
  readonly #refusals: number

  constructor(seed: number, refusals: number) {
    this.#seed = seed
    this.#refusals = refusals
  }

  list(path: string): string[] {
    const pick = this.#picks('scandir', path)
    return Array.from({ length: pick(6) }, () => names[pick(names.length)] ?? '')
  }
  read(path: string): string {
    return texts[this.#picks('open', path)(texts.length)] ?? ''
  }
  readlink(path: string): string {
    const pick = this.#picks('readlink', path)
    return Array.from({ length: pick(5) }, () => names[pick(names.length)] ?? '').join('/')
  }
  kind(path: string): (typeof kinds)[number] {
    return kinds[this.#picks('lstat', path)(kinds.length)] ?? null
  }

  isClaimed(path: string): boolean {
    return this.#picks('open', path)(2) === 1
  }

  /** The readers change nothing. */
  owner(): FileOwner {
    return { uid: 0, gid: 0, mode: 0o600 }
  }
  modified(): number {
    return 0
  }
  async write(): Promise<void> {}
  chown(): void {}
  chmod(): void {}
  create(): void {}
  rename(): void {}
  unlink(): void {}
  makeDirectory(): void {}
  removeDirectory(): void {}
  syncDirectory(): void {}

  #picks(call: string, path: string): (below: number) => number {
    let state =
      [...`${call}${path}`].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x0100_0193), this.#seed) | 1
    const pick = (below: number): number => {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return (state >>> 0) % below
    }
    if (pick(100) < this.#refusals) throw systemError(errnos[pick(errnos.length)] ?? 'EIO', call, path)
    return pick
  }
}

const readers: Readonly<Record<string, (files: HostFiles) => unknown>> = {
  'PciUses of a device': (files) => new PciUses(files).of(parsePciAddress('0000:3b:00.0')),
  readMdevTypes: (files) => readMdevTypes(files),
  readMdevDevices: (files) => readMdevDevices(files),
  readIommuGroups: (files) => readIommuGroups(files),
  'list of virtual devices': (files) => list(files),
  'findVfioDevice by UUID': (files) => findVfioDevice(files, uuid),
  'findVfioDevice by PCI address': (files) => findVfioDevice(files, '3b:00.0'),
  'deviceName by a group’s node': (files) => deviceName(files, '/dev/vfio/5'),
  'deviceName by its own node': (files) => deviceName(files, '/dev/vfio/devices/vfio0'),
  findDeviceUsers: (files) => findDeviceUsers(files, new Set(['/dev/vfio/5', '5'])),
}

test.each(Object.entries(readers))('%s reads any host’s files to a value or an error', (_, reader) => {
  const hosts = fc.record({ seed: fc.integer(), refusals: fc.constantFrom(0, 5, 40) })
  const { values } = expectAnswers(
    hosts,
    ({ seed, refusals }) => reader(new HostileFiles(seed, refusals)),
    (error) => error instanceof VfioError || isSystemError(error),
  )
  expect(values).toBeGreaterThan(0)
})
