import { Errno } from '../base/errno.ts'
import type { Scenario, ScenarioSubchannel } from '../scenario/scenario.ts'
import type { MockState, Snapshot, SubchannelRecord } from '../state/state.ts'

/** The drivers of the bus css that take channels for input and output: the host's, and VFIO's if it is loaded. */
export function subchannelDrivers({ modules }: Scenario): string[] {
  return ['io_subchannel', ...('vfio_ccw' in modules ? ['vfio_ccw'] : [])]
}

/** The state of a subchannel, or what the scenario begins with. */
export function subchannelRecord(state: Snapshot, { id, driver }: ScenarioSubchannel): SubchannelRecord {
  return state.css[id] ?? { driver, driverOverride: null, unbinding: false, hadDevice: false }
}

/** The record of a subchannel, to change it. */
export function subchannelDraft(draft: MockState, subchannel: ScenarioSubchannel): SubchannelRecord {
  const record = subchannelRecord(draft, subchannel)
  draft.css[subchannel.id] = record
  return record
}

/** The subchannel that a write to the bus names, with or without a newline. */
export function namedSubchannel({ css = [] }: Scenario, bytes: Buffer): ScenarioSubchannel {
  const name = bytes.toString('latin1').replace(/\n$/, '')
  const found = css.find(({ id }) => id === name)
  if (found === undefined) throw new Errno('ENODEV')
  return found
}

/** A write to `bind`: both drivers fit, unless one is named for the subchannel. */
export function bindSubchannel(draft: MockState, subchannel: ScenarioSubchannel, driver: string): void {
  const record = subchannelDraft(draft, subchannel)
  if (record.driverOverride !== null && record.driverOverride !== driver) throw new Errno('ENODEV')
  if (record.driver !== null) throw new Errno('EBUSY')
  record.driver = driver
}

/** A write to `drivers_probe`: the host's driver takes it, or the one that is named for it. */
export function probeSubchannel(draft: MockState, scenario: Scenario, subchannel: ScenarioSubchannel): void {
  const record = subchannelDraft(draft, subchannel)
  const driver = record.driverOverride ?? 'io_subchannel'
  if (record.driver === null && subchannelDrivers(scenario).includes(driver)) record.driver = driver
}

/** A write to `unbind`: the mediated device of vfio_ccw goes first, once nobody has it open any more. */
export function unbindSubchannel(draft: MockState, subchannel: ScenarioSubchannel, driver: string): void {
  const record = subchannelDraft(draft, subchannel)
  if (record.driver !== driver || record.unbinding) throw new Errno('ENODEV')
  record.unbinding = true
  for (const mdev of draft.mdevs) if (mdev.parent === subchannel.id) mdev.removing = true
}

/**
 * The messages of vfio_ccw in s390dbf, without those of devices that are gone: when, its level, the processor, the
 * caller.
 */
export function subchannelLog({ css = [] }: Scenario, state: Snapshot): string {
  return css
    .filter((subchannel) => subchannelRecord(state, subchannel).hadDevice)
    .map(({ id }) => `00 00000000000:000000 2 - 00 0000000000000000  sch ${id}: create\n`)
    .join('')
}
