import { cardOf } from '../../device/parents.ts'
import type { DevicePlanning } from '../../wanted/device-planning.ts'
import type { ParentPlace, Parents } from '../../wanted/parent-place.ts'
import type { MdevIdentity } from './mdev-identity.ts'
import { mdevPlaces } from './mdev-places.ts'
import { carryOutMdev } from './plan-carry-out.ts'
import { planMdevs } from './plan-mdevs.ts'
import { mdevRoomFault } from './plan-room.ts'
import { findPlace } from './type-choice.ts'

/** Mediated devices in a plan. */
export const mdevPlanning: DevicePlanning<MdevIdentity> = {
  kind: 'mdev',
  noun: 'mediated device',
  namedBy: 'uuid',
  asksScripts: true,
  placeNamed: (files, name) => ofMdevs(findPlace(files, name)),
  places(files, fits) {
    const all = mdevPlaces(files)
    const chosen = all.filter(fits)
    // functions that are named without their card
    const single = all
      .filter((place) => !chosen.includes(place))
      .flatMap(({ parents }) => parents.filter((parent) => cardOf(files, parent) !== parent))
      .map((parent) => ({ name: parent, parents: [parent] }))
      .filter(fits)
    return [...chosen, ...single].sort((a, b) => (a.name < b.name ? -1 : 1)).map(ofMdevs)
  },
  placeToCome: () => null,
  cardOf,
  plan: (files, request) => ({ entries: planMdevs(files, request), noRoom: [] }),
  roomFault: mdevRoomFault,
  leavesDrivers: false,
  writesBeforeFunctions: () => [],
  carryOut: carryOutMdev,
}

function ofMdevs(place: Parents): ParentPlace {
  return { kind: 'mdev', ...place }
}
