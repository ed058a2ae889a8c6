import * as v from 'valibot'
import { bytesOrNull } from '../../base/units.ts'
import { driverName } from '../settings/bindings.ts'
import { wishOrNull } from '../settings/pci-settings.ts'
import { barBytes, barSizes, pciWishFields } from '../settings/pci-settings-schema.ts'
import type { FunctionChoice, SpecBinding } from '../wanted/spec.ts'
import { knownKeys } from './known-keys.ts'
import { pciAddress, pciChoices } from './pci-choice-schema.ts'

const virtfn = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))
const functions = v.pipe(
  knownKeys({
    card: v.pipe(pciAddress, v.description('The virtual functions of this card: its PCI address.')),
    virtfn: v.pipe(
      v.optional(
        v.union([virtfn, v.pipe(v.array(virtfn), v.minLength(1))], 'must be a number from 0 on, or a list of such'),
      ),
      v.description('Only those of these numbers, as in `virtfn0` of sysfs: a number, or a list. All if absent.'),
    ),
  }),
  v.transform(
    ({ card, virtfn = null }): FunctionChoice => ({ card, virtfn: virtfn === null ? null : [virtfn].flat() }),
  ),
)

/** As people write it. */
const barSize = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = bytesOrNull(dataset.value)
    if (bytes !== null) return bytes
    addIssue({ message: 'must be a size such as 8GiB, or default' })
    return NEVER
  }),
)
const sizeFault = 'must be a size such as 8GiB, or default'
const bars = barSizes(v.union([barBytes(v.union([v.number(), barSize], sizeFault)), v.literal('default')], sizeFault))

/** An entry of `bindings`: devices with the driver and the settings that they are to have. */
export const binding: v.GenericSchema<unknown, SpecBinding> = v.pipe(
  knownKeys({
    device: v.pipe(
      v.union(
        [...pciChoices, functions],
        'must be a PCI address or BUS/NAME, a list, a range FROM-TO, {vendor, device} or {card, virtfn}',
      ),
      v.description(
        'The devices: a PCI address, or `css/0.0.0314`, `platform/NAME` and the like on other buses; a list of them; or, of PCI devices, a range `FROM-TO` or `41:00.*`, or an object with `vendor`, or with `card`.',
      ),
    ),
    driver: v.pipe(
      v.optional(driverName),
      v.description(
        'The driver that they get, now and at every boot. Without it, or with `best`, VFIO’s best driver for each: `vfio-pci`, or one that the kernel has for just such devices, or that of their bus. `none` keeps all drivers away.',
      ),
    ),
    group: v.pipe(
      v.optional(v.boolean(), false),
      v.description(
        '`true` if every other endpoint in their IOMMU group gets the same driver, and the same `power` and `d3cold`.',
      ),
    ),
    power: v.pipe(
      v.optional(pciWishFields.power),
      v.description(
        'The power of PCI devices, now and at every boot: `on` keeps them awake, `auto` lets them sleep while nobody uses them. Without it, it stays; `default` takes it back to what it was before it was set, as of the next three keys.',
      ),
    ),
    d3cold: v.pipe(
      v.optional(pciWishFields.d3cold),
      v.description('`false` if the kernel may not cut their power while they sleep (D3cold), `true` if it may.'),
    ),
    resetMethods: v.pipe(
      v.optional(pciWishFields.resetMethods),
      v.description(
        'The ways to reset them, the one to try first in front: a list of `device_specific`, `acpi`, `flr`, `af_flr`, `pm`, `bus` and `cxl_bus`. An empty list turns all resets off.',
      ),
    ),
    bars: v.pipe(
      v.optional(bars),
      v.description(
        'The sizes of their resizable BARs, by index: `{ 1: 8GiB }`. They are set before a driver has the device, which is taken from its driver for that.',
      ),
    ),
    early: v.pipe(
      v.optional(v.boolean()),
      v.description(
        '`true` if they get it at every boot before any other driver sees them, by a udev rule that is in the initramfs too, which is made anew for that; PCI devices alone, and none that the host uses. `false` for no longer so. Without it, that stays as it is.',
      ),
    ),
    framebuffer: v.pipe(
      v.optional(v.literal('release')),
      v.description(
        '`release` if the host is to let go of its screen on them, the firmware’s framebuffer and the console. Without it, `apply` leaves a device alone that shows them.',
      ),
    ),
  }),
  v.transform(({ device, driver = null, group, early = null, framebuffer, ...settings }): SpecBinding => {
    const releaseFramebuffer = framebuffer === 'release'
    const wishes = { early, settings: wishOrNull(settings), releaseFramebuffer }
    return { at: null, choice: device, driver, group, ...wishes }
  }),
)
