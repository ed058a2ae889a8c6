import { VfioError } from '../../../base/errors.ts'
import { checkedName, parseUuid, type Uuid } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { parentMatcher, parentName } from '../../device/parents.ts'
import { findMdevDevice, type MdevDevice } from './mdev-devices.ts'
import { definedParents, readDefinition, type StoredDefinition } from './store.ts'

/** A device: its UUID, and its parent if the UUID is defined under several. */
export interface MdevChoice {
  readonly uuid: string
  /** A card stands for its virtual functions too, unless `exactParent`: mdevctl knows of no cards. */
  readonly parent?: string
  readonly exactParent?: boolean
}

/** A chosen device on this host: the running one, and the parents under which it is defined. */
export interface ChosenDevice {
  readonly uuid: Uuid
  readonly active: MdevDevice | null
  readonly definedOn: readonly string[]
}

/** The device that a choice names; NOT_FOUND, AMBIGUOUS if it is not exactly one. */
export function lookUp(files: HostFiles, choice: MdevChoice): ChosenDevice {
  const uuid = parseUuid(choice.uuid)
  const isMeant = meaning(files, choice)
  const running = findMdevDevice(files, uuid)
  const active = running !== null && isMeant(running.parent) ? running : null
  return { uuid, active, definedOn: definedParents(files, uuid).filter(isMeant) }
}

function meaning(files: HostFiles, { parent, exactParent }: MdevChoice): (parent: string) => boolean {
  if (parent === undefined) return () => true
  const known = checkedName('parent', parentName(parent))
  return exactParent === true ? (other) => other === known : parentMatcher(files, known)
}

/** As `lookUp`; NOT_FOUND if the host knows no such device at all. */
export function lookUpKnown(files: HostFiles, choice: MdevChoice): ChosenDevice {
  const device = lookUp(files, choice)
  if (device.active !== null || device.definedOn.length > 0) return device
  throw notKnown(device.uuid, choice.parent === undefined ? '' : ` on ${choice.parent}`)
}

/** NOT_FOUND: nobody knows the device; `where`, for the end of a sentence, on what parent. */
export function notKnown(uuid: Uuid, where = ''): VfioError {
  return new VfioError('NOT_FOUND', `there is no device ${uuid}${where}: none runs and none is defined`, {
    hint: 'vfioctl list',
    facts: { uuid },
  })
}

/** The one definition that is meant, or null; AMBIGUOUS if the UUID is defined under several parents. */
export function onlyDefinition(files: HostFiles, { uuid, definedOn }: ChosenDevice): StoredDefinition | null {
  const [parent] = definedOn
  if (parent === undefined) return null
  if (definedOn.length > 1) {
    throw new VfioError('AMBIGUOUS', `${uuid} is defined under ${definedOn.join(' and ')}`, {
      hint: `say which: -p ${parent}`,
      facts: { uuid, parents: definedOn },
    })
  }
  const definition = readDefinition(files, parent, uuid)
  return definition === null ? null : { uuid, parent, definition }
}
