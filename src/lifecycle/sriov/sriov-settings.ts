import * as v from 'valibot'
import { pciId } from '../settings/bindings.ts'
import { Settings } from '../settings/settings.ts'

/** The number of virtual functions that a card is to have. */
export interface KeptNumber {
  readonly count: number
  /** The number that its driver made, if it is not the one asked for. */
  readonly made?: number
  /** False if the host's drivers are kept from them; absent if that stays as the kernel has it. */
  readonly autoprobe?: boolean
  /** The card's ids, as sysfs shows them ('0x8086', '0x1592'). */
  readonly vendor?: string
  readonly device?: string
}

const number = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff))

const schema: v.GenericSchema<unknown, KeptNumber> = v.strictObject({
  count: number,
  made: v.exactOptional(number),
  autoprobe: v.exactOptional(v.boolean()),
  vendor: v.exactOptional(pciId),
  device: v.exactOptional(pciId),
})

/** /etc/vfioctl.d/sriov/ADDRESS.json: how many virtual functions a card is to have at every boot. */
export const sriovSettings: Settings<KeptNumber> = new Settings('sriov', 'number of virtual functions', schema)
