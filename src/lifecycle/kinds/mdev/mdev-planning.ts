import type { MdevIdentity } from '../../change/device-identity.ts'
import { cardOf } from '../../device/parents.ts'
import type { DevicePlanning } from '../../wanted/device-planning.ts'
import { carryOutMdev } from './plan-carry-out.ts'
import { planMdevs } from './plan-mdevs.ts'
import { mdevRoomFault } from './plan-room.ts'

/** Mediated devices in a plan. */
export const mdevPlanning: DevicePlanning<MdevIdentity> = {
  kind: 'mdev',
  noun: 'mediated device',
  cardOf,
  plan: (files, request) => ({ entries: planMdevs(files, request), noRoom: [] }),
  roomFault: mdevRoomFault,
  carryOut: carryOutMdev,
}
