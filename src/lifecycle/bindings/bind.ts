import { type VfioError, withMore } from '../../base/errors.ts'
import type { BusDevice } from '../../host/bus/bus-device.ts'
import { plainVfioDriver } from '../../host/variants/vfio-pci-drivers.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { type BindChange, driverChanges } from './bind-changes.ts'
import type { BindingChange, BindingOptions, BindRequest } from './binding-change.ts'
import type { DriverOptions } from './change-driver.ts'
import { type CheckLate, carryOutChanges } from './driver-changes.ts'
import { heldLines, isScreenControl } from './host-screen.ts'
import { loadModule } from './load-module.ts'
import { nextBootLines } from './next-boot.ts'
import { bestDriver, bestNotLoaded, nearestDrivers, noDriver, notLoaded, WantedDrivers } from './wanted-driver.ts'

/**
 * Gives a device to a driver, or to none, and keeps that for the next boots. Loads the driver's module if it is not
 * loaded: NOT_SUPPORTED if that of the best driver does not load, NOT_FOUND if that of a named one does not. One that
 * the driver has already is no change. If one device of a group fails, those before it are given back. `checkLate`
 * hears of what turns out to share the group of a device that had none before.
 */
export async function bind(
  kernel: Kernel,
  request: BindRequest,
  options: DriverOptions = {},
  checkLate?: CheckLate,
): Promise<readonly BindingChange[]> {
  const asked = () => (options.dryRun === true ? driverChanges(kernel.files, request) : loadedChanges(kernel, request))
  const changes = await carryOutChanges(kernel, request, asked, options, checkLate)
  if (options.dryRun === true) sayBest(kernel.files, changes, request.driver, options)
  else if (request.nextBoot !== true) sayScreens(kernel.files, changes, request, options)
  if (request.transient === true) return changes
  for (const { bus, device: name, to } of changes) {
    const wanted = request.nextBoot === true ? awaited(kernel.files, { bus, name }, request, options) : to
    for (const line of nextBootLines(kernel.files, { bus, name }, wanted ?? noDriver)) options.onMessage?.(line)
  }
  return changes
}

/** The driver that a device is to have from the next boot on. Tells of one that nothing has shown to be there. */
function awaited(
  files: HostFiles,
  device: BusDevice,
  { driver: asked }: BindRequest,
  { onMessage: said }: BindingOptions,
): string {
  const { driver, load } = new WantedDrivers(files).of(device, asked)
  if (asked === driver && load !== null) said?.(`${driver} is not loaded now: only the next boot shows if it is there`)
  return driver
}

/** The changes of a request, once the modules of the drivers are loaded. Throws if one does not load. */
async function loadedChanges(kernel: Kernel, request: BindRequest): Promise<BindChange[]> {
  const first = driverChanges(kernel.files, request)
  const refusals = new Map<string, string | null>()
  for (const { load } of first) {
    const module = load?.arguments.at(-1)
    if (load === null || module === undefined || refusals.has(module)) continue
    refusals.set(module, await loadModule(kernel, load))
  }
  if (refusals.size === 0) return first
  return driverChanges(kernel.files, request).map((change, index) => {
    if (change.load !== null) {
      const refusal = refusals.get(change.load.arguments.at(-1) ?? '') ?? null
      throw didNotLoad(kernel.files, change, refusal)
    }
    return { ...change, load: first[index]?.load ?? null }
  })
}

function didNotLoad(
  files: HostFiles,
  { before: { device }, wanted, kept }: BindChange,
  refusal: string | null,
): VfioError {
  if (kept === bestDriver) return bestNotLoaded(device, wanted, refusal ?? 'its module has no driver on the bus')
  const error = notLoaded(device.bus, wanted, nearestDrivers(files, device.bus, wanted))
  return refusal === null ? error : withMore(error, refusal)
}

/** Tells of each screen that the host has lost, and of memory that is held all the same. */
function sayScreens(
  files: HostFiles,
  changes: readonly BindingChange[],
  { releaseFramebuffer = false }: BindRequest,
  { onMessage: said }: BindingOptions,
): void {
  for (const { bus, device: name, steps } of changes) {
    const isReleased = steps.some((step) => step.action === 'write' && isScreenControl(step.path))
    if (isReleased) said?.(`the host shows nothing on ${name} before the next boot, or a driver of its own has it`)
    if (isReleased || releaseFramebuffer) for (const line of heldLines(files, { bus, name })) said?.(line)
  }
}

/** Tells of each device that gets another driver than vfio-pci unasked, and if nothing could tell of such drivers. */
function sayBest(
  files: HostFiles,
  changes: readonly BindingChange[],
  asked: string | undefined,
  { onMessage: said }: BindingOptions,
): void {
  const drivers = new WantedDrivers(files)
  for (const { bus, device: name } of changes) {
    const { driver, candidates } = drivers.of({ bus, name }, asked)
    const [best, ...others] = candidates ?? []
    if (best === undefined) continue
    if (drivers.missing !== null) {
      said?.(`${drivers.missing} is not there: whether this kernel has a better driver than ${driver} cannot be told`)
      return
    }
    if (others.length === 0) continue
    const brings = best.brings === null ? '' : `: ${best.brings}`
    said?.(
      `${driver} is VFIO's best driver for ${name}${brings} (vfioctl bind ${name} ${plainVfioDriver} takes the plain one)`,
    )
  }
}
