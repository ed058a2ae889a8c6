import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import { freeIommuGroup } from '../pci/devices.ts'
import { subchannelDraft } from '../s390/subchannels.ts'
import type { Scenario, ScenarioAttribute, ScenarioMdevType, ScenarioParent } from '../scenario/scenario.ts'
import { freeVfioIndex, lowestFree, type MdevRecord, type MockState } from '../state/state.ts'
import { newIdentity } from '../state/worker-life.ts'
import { availableInstances, isRegistered } from './parents.ts'

/**
 * The UUID in a write to `create`, lower case: 36 bytes, or 37, of which the kernel does not look at the last. EINVAL
 * for anything else.
 */
export function parseCreate(bytes: Buffer): string {
  if (bytes.length !== 36 && bytes.length !== 37) throw new Errno('EINVAL')
  const uuid = bytes.toString('latin1', 0, 36).toLowerCase()
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) throw new Errno('EINVAL')
  return uuid
}

/**
 * ENODEV if the parent is going; EEXIST if any parent has a device of that UUID; the driver's own answer if it
 * has no room.
 */
export function createMdev(
  draft: MockState,
  scenario: Scenario,
  { parent, type, uuid }: { parent: ScenarioParent; type: ScenarioMdevType; uuid: string },
): void {
  if (!isRegistered(scenario, draft, parent)) throw new Errno('ENODEV')
  if (draft.mdevs.some((mdev) => mdev.uuid === uuid)) throw new Errno('EEXIST')
  if (availableInstances(parent, type, draft) === 0) throw new Errno(parent.whenFull)
  const siblings = draft.mdevs.filter((mdev) => mdev.parent === parent.name)
  const numbers = {
    group: freeIommuGroup(scenario, draft),
    vfioIndex: freeVfioIndex(draft),
    ordinal: lowestFree(
      siblings.map(({ ordinal }) => ordinal),
      1,
    ),
  }
  const fill = (value: string) => value.replaceAll('{uuid}', uuid).replaceAll('{ordinal}', String(numbers.ordinal))
  const mdev: MdevRecord = {
    birth: newIdentity(),
    uuid,
    parent: parent.name,
    type: type.id,
    ...numbers,
    removing: false,
    attributes: Object.fromEntries(attributesOf(parent, type).map(({ path, value }) => [path, fill(value)])),
    model: null,
  }
  draft.mdevs.push(mdev)
  const subchannel = scenario.css?.find(({ id }) => id === parent.name)
  if (subchannel !== undefined) subchannelDraft(draft, subchannel).hadDevice = true
}

/** True if a write to `remove` asks for it: any number but 0. EINVAL for anything else. */
export function parseRemove(bytes: Buffer): boolean {
  return kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 0n
}

/** From here on the device is gone for everyone but those who have it open, and for good once they let go. */
export function beginRemoval(draft: MockState, birth: string): void {
  const mdev = draft.mdevs.find((candidate) => candidate.birth === birth)
  if (mdev === undefined) throw new Errno('ENODEV')
  mdev.removing = true
}

/** The attributes of a device of this type. */
export function attributesOf(parent: ScenarioParent, type: ScenarioMdevType | undefined): readonly ScenarioAttribute[] {
  return [...parent.attributes, ...(type?.attributes ?? [])]
}

/** Stores a write to a device's attribute, as its driver keeps it. */
export function storeAttribute(draft: MockState, birth: string, attribute: ScenarioAttribute, bytes: Buffer): void {
  const mdev = draft.mdevs.find((candidate) => candidate.birth === birth)
  if (mdev === undefined) throw new Errno('ENODEV')
  const text = bytes.toString()
  mdev.attributes[attribute.path] = attribute.dropsLastByte === true ? text.slice(0, -1) : text.replace(/\n$/, '')
}
