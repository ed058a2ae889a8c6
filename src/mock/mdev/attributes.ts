import { Errno } from '../base/errno.ts'
import type { ScenarioAttribute, ScenarioMdevType, ScenarioParent } from '../scenario/scenario.ts'
import type { MockState } from '../state/state.ts'

/** The attributes of a device of this type. */
export function attributesOf(parent: ScenarioParent, type: ScenarioMdevType | undefined): readonly ScenarioAttribute[] {
  return [...parent.attributes, ...(type?.attributes ?? [])]
}

/** What the driver keeps of a write to one of its device's attributes. */
export function storeAttribute(draft: MockState, birth: string, attribute: ScenarioAttribute, bytes: Buffer): void {
  const mdev = draft.mdevs.find((candidate) => candidate.birth === birth)
  if (mdev === undefined) throw new Errno('ENODEV')
  const text = bytes.toString()
  mdev.attributes[attribute.path] = attribute.dropsLastByte === true ? text.slice(0, -1) : text.replace(/\n$/, '')
}
