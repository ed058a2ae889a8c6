import { Errno } from '../base/errno.ts'
import type { Scenario, ScenarioFramebuffer } from '../scenario/scenario.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { resourceLines } from './bars.ts'
import { type PciDevice, pciRecord } from './devices.ts'
import { isVfioPci } from './variant-drivers.ts'

/** Class of what vfio-pci takes the firmware's framebuffer from, as other drivers of displays do. */
const vgaClass = /^0x0300/
/** Bytes of a page, of which a framebuffer holds whole ones. */
const page = 4096n

/**
 * The part of a display that draws the host's console: the firmware's framebuffer, or a driver of the device itself.
 */
export type DrawnBy = 'firmware' | 'device' | null

/** The driver that draws on the scenario's display. */
export function drawnBy(scenario: Scenario, state: Snapshot): DrawnBy {
  const { framebuffer } = scenario
  const display = displayOf(scenario)
  if (framebuffer === undefined || display === undefined) return null
  if (!state.screen.isGone && state.screen.driver !== null) return 'firmware'
  const { driver } = pciRecord(state, display)
  return driver !== null && driver === display.driver && !isVfioPci(scenario, driver) ? 'device' : null
}

/** The device that the firmware's framebuffer is on. */
export function displayOf({ framebuffer, pci }: Scenario): Scenario['pci'][number] | undefined {
  return pci.find(({ address }) => address === framebuffer?.device)
}

/** First and last address of the display's BAR 0, and last one that the framebuffer holds of it. */
export function framebufferMemory(
  display: PciDevice,
  { bytes }: ScenarioFramebuffer,
): readonly [first: bigint, last: bigint, held: bigint] {
  const [bar0 = ''] = resourceLines(display).split('\n')
  const [start = 0n, end = 0n] = bar0.split(' ').map(BigInt)
  return [start, end, start + ((BigInt(bytes) + page - 1n) / page) * page - 1n]
}

/** A write to `bind` of the framebuffer's driver. */
export function driveFramebuffer({ screen }: MockState, { driver }: ScenarioFramebuffer): void {
  if (screen.isGone) throw new Errno('ENODEV')
  if (screen.driver !== null) throw new Errno('EBUSY')
  screen.driver = driver
}

/** A write to `unbind` of it. */
export function freeFramebuffer({ screen }: MockState): void {
  if (screen.isGone || screen.driver === null) throw new Errno('ENODEV')
  screen.driver = null
}

/** A driver has got a device: vfio-pci and the display's own make the kernel remove the firmware's framebuffer. */
export function takeScreen(draft: MockState, scenario: Scenario, device: PciDevice, driver: string): void {
  if (scenario.framebuffer?.device !== device.address) return
  const isVfio = isVfioPci(scenario, driver)
  if (isVfio && !vgaClass.test(device.class)) return
  if (isVfio || driver === device.driver) Object.assign(draft.screen, { isGone: true, driver: null })
}
