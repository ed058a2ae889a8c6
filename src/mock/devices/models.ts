import type { DeviceModel } from '../device.ts'
import type { ScenarioModel } from '../scenario.ts'
import { Mtty } from './mtty.ts'
import { PlainDevice } from './plain.ts'

/** The model of a device, as `saved` left it; null for a device that was never opened. */
export function makeMdevModel(model: ScenarioModel, saved: unknown): DeviceModel {
  return model.kind === 'mtty' ? new Mtty(model.ports, saved) : new PlainDevice(model, saved)
}
