import * as v from 'valibot'
import { Settings } from '../settings/settings.ts'

interface SriovFile {
  readonly count: number
  /** How many its driver made when so many were asked for, if others. */
  readonly made?: number
}

const number = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff))

const schema: v.GenericSchema<unknown, SriovFile> = v.strictObject({
  count: number,
  made: v.exactOptional(number),
})

/** /etc/vfioctl.d/sriov/ADDRESS.json: how many virtual functions a card is to have at every boot. */
export const sriovSettings: Settings<SriovFile> = new Settings('sriov', 'number of virtual functions', schema)
