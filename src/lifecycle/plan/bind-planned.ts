import { VfioError } from '../../base/errors.ts'
import { shownDevice } from '../../host/bus/bus-device.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { bind } from '../bindings/bind.ts'
import type { DriverOptions } from '../bindings/change-driver.ts'
import type { DriverChange } from '../bindings/driver-changes.ts'
import type { ChangeOptions } from '../change/change.ts'
import { itemName, type PlannedBinding } from '../wanted/plan.ts'

/**
 * Gives a device the driver that a plan has for it, and what turns out to share its IOMMU group too. NOT_CONFIRMED, and
 * all is as it was, if that would take a device from a driver: no plan has said so, and the next one does.
 */
export async function bindPlanned(
  kernel: Kernel,
  item: PlannedBinding,
  { onMessage: said, signal }: Pick<ChangeOptions, 'onMessage' | 'signal'>,
): Promise<void> {
  const { asked, groupFollows, early, earlyFollows, settings, releaseFramebuffer } = item
  const device = itemName(item)
  // callouts may be overruled; a device that the host uses is not taken by that
  const options: DriverOptions = {
    ...(said && { onMessage: said }),
    ...(signal && { signal }),
    earlyLater: earlyFollows,
  }
  const more = { releaseFramebuffer, ...(early === null ? {} : { early }), ...(settings && { settings }) }
  const request = { device, driver: asked, group: groupFollows, ...more }
  await bind(kernel, request, options, (late) => checkTakesNone(device, late))
}

function checkTakesNone(device: string, late: readonly DriverChange[]): void {
  const lost = late.flatMap(({ before, writes }) => {
    return before.driver === null || writes.length === 0 ? [] : [`${shownDevice(before.device)} from ${before.driver}`]
  })
  if (lost.length === 0) return
  throw new VfioError(
    'NOT_CONFIRMED',
    `${device} turned out to share its IOMMU group with others, and would take ${lost.join(', ')}`,
    {
      hint: 'the group is known now: vfioctl plan FILE shows all of it, and vfioctl apply FILE asks',
      facts: { device, lost },
    },
  )
}
