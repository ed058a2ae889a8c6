import * as v from 'valibot'
import type { Fields } from '../../base/arguments.ts'
import { smallestPage } from '../base/kernel-traits.ts'
import { count, positive } from './read-values.ts'
import type { ScenarioIds, ScenarioModel } from './scenario.ts'

const word = v.pipe(count, v.maxValue(0xffff))

const pixels = v.pipe(positive, v.maxValue(8192))

const ids = {
  vendor: word,
  device: word,
  subsystemVendor: word,
  subsystemDevice: word,
  class: v.pipe(count, v.maxValue(0xff_ffff)),
  revision: v.pipe(count, v.maxValue(0xff)),
} satisfies Fields<ScenarioIds>

/** One kind of what `ScenarioModel` can be. A file names none that a test registers. */
type Model<Kind extends ScenarioModel['kind']> = Extract<ScenarioModel, { kind: Kind }>

/** Schema of a device's behaviour once it is opened. */
export const model: v.GenericSchema<unknown, ScenarioModel> = v.variant('kind', [
  v.strictObject({ kind: v.literal('mtty'), ports: v.picklist([1, 2]) } satisfies Fields<Model<'mtty'>>),
  v.strictObject({ kind: v.picklist(['vfio-ap', 'vfio-ccw']) } satisfies Fields<Model<'vfio-ap' | 'vfio-ccw'>>),
  v.strictObject({ kind: v.literal('mdpy'), width: pixels, height: pixels } satisfies Fields<Model<'mdpy'>>),
  v.strictObject({
    kind: v.literal('mbochs'),
    megabytes: v.picklist([1, 2, 4, 8, 16, 32, 64, 128, 256]),
    maxWidth: v.pipe(count, v.maxValue(0xffff)),
    maxHeight: v.pipe(count, v.maxValue(0xffff)),
  } satisfies Fields<Model<'mbochs'>>),
  v.strictObject({
    kind: v.literal('vgpu'),
    ...ids,
    framebufferMiB: v.pipe(positive, v.maxValue(2 ** 20)),
  } satisfies Fields<Model<'vgpu'>>),
  v.strictObject({
    kind: v.literal('plain'),
    ...ids,
    barSize: v.pipe(
      positive,
      v.minValue(smallestPage),
      v.maxValue(2 ** 30),
      v.check((size) => Number.isInteger(Math.log2(size)), 'a power of two'),
    ),
  } satisfies Fields<Model<'plain'>>),
])
