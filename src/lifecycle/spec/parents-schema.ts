import * as v from 'valibot'
import { migCount, migProfile } from '../settings/gpu-modes-schema.ts'
import type { SpecParent, SpecSriov } from '../wanted/spec.ts'
import { count, devices, typeNames } from './devices-schema.ts'
import { knownKeys } from './known-keys.ts'
import { pciChoices } from './pci-choice-schema.ts'

const choice = v.union(
  [
    ...pciChoices,
    knownKeys({
      anyWith: v.pipe(
        typeNames,
        v.description(
          'All parents that offer this type, `shares` for Intel’s GPUs with the driver xe; or a list: those that offer the first of it that this host has.',
        ),
      ),
    }),
  ],
  'must be a PCI address or name, a list, a range FROM-TO, {vendor, device} or {anyWith: TYPE}',
)

const migInstances = knownKeys({
  profile: v.pipe(
    migProfile,
    v.description('The size of a GPU instance, as `nvidia-smi mig -lgip` lists it: `1g.24gb+gfx`.'),
  ),
  count: v.pipe(v.optional(migCount, 1), v.description('The number of them: 1 if it is not said.')),
})

const functionCount = v.union([v.literal('all'), count], 'must be a number of virtual functions, or all')
const sriov = v.union(
  [
    v.pipe(
      functionCount,
      v.transform((count): SpecSriov => ({ count, autoprobe: null })),
    ),
    v.pipe(
      knownKeys({
        count: v.pipe(functionCount, v.description('The number of virtual functions, or `all`.')),
        autoprobe: v.pipe(
          v.optional(v.boolean()),
          v.description(
            '`false` keeps the host’s drivers from the virtual functions as they come, now and at every boot (`sriov_drivers_autoprobe`): `bindings` then give them a driver at once. `true` lets the host have them. MAC addresses, VLANs and trust of network functions stay with `ip link set DEV vf N`.',
          ),
        ),
      }),
      v.transform(({ count, autoprobe = null }): SpecSriov => ({ count, autoprobe })),
    ),
  ],
  'must be a number of virtual functions, all, or {count, autoprobe}',
)

/** An entry of `parents`: a card with what it carries. */
export const parent: v.GenericSchema<unknown, SpecParent> = v.pipe(
  knownKeys({
    parent: v.pipe(
      choice,
      v.description(
        'The card or other parent that carries the devices: a PCI address or a name, a list of them, a range `FROM-TO` or `41:00.*`, or an object with `vendor` or `anyWith`.',
      ),
    ),
    sriov: v.pipe(
      v.optional(sriov),
      v.description(
        'The number of its virtual functions, now and at every boot, or `all`; or an object with `count`. Without it, their number stays.',
      ),
    ),
    heterogeneous: v.pipe(
      v.optional(v.boolean()),
      v.description(
        '`true` if a GPU of NVIDIA’s takes vGPUs of several framebuffer sizes beside each other, now and at every boot, `false` for one size. It needs `sriov` beside it. Without it, that stays as it is.',
      ),
    ),
    mig: v.pipe(
      v.optional(v.array(migInstances)),
      v.description(
        'The GPU instances (MIG) that a GPU of NVIDIA’s is cut into, now and at every boot, in the order in which they are made: a list of `{ profile, count }`. An empty list ends MIG mode. It needs `sriov` beside it, and excludes `heterogeneous: true`. Without it, with `sriov`, the instances are counted for the types in `devices` that take one, unless those that there are suffice.',
      ),
    ),
    devices: v.pipe(v.optional(v.array(devices), []), v.description('A list of the virtual devices that it carries.')),
    others: v.pipe(
      v.optional(v.picklist(['keep', 'remove']), 'keep'),
      v.description('Its devices of types that `devices` does not name: `keep` them, or `remove` them.'),
    ),
  }),
  v.check(
    ({ sriov, heterogeneous, mig }) => (heterogeneous === undefined && mig === undefined) || sriov !== undefined,
    'heterogeneous and mig need sriov: all beside them, as they are set in one order with it',
  ),
  v.check(
    ({ heterogeneous, mig }) => heterogeneous !== true || mig === undefined || mig.length === 0,
    'heterogeneous: true and mig exclude each other',
  ),
  v.transform(
    (it): SpecParent => ({
      at: null,
      choice: it.parent,
      modes: {
        ...(it.heterogeneous === undefined ? {} : { heterogeneous: it.heterogeneous }),
        ...(it.mig === undefined ? {} : { mig: it.mig }),
      },
      sriov: it.sriov ?? null,
      devices: it.devices,
      others: it.others,
    }),
  ),
)
