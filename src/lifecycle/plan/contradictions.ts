import { VfioError } from '../../base/errors.ts'
import { counted, type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { readBinding } from '../../host/driver-binding.ts'
import { isNvidiaGpu } from '../../host/nvidia-gpu.ts'
import { physicalFunctionOf } from '../../host/sriov.ts'
import { readOrNull } from '../../host/sysfs/readable.ts'
import { plainVfioDriver } from '../../host/variants/vfio-pci-drivers.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { bestDriver, noDriver } from '../bindings/wanted-driver.ts'
import { planningOf } from '../kinds/plannings.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import { inFile, invalidSpec } from '../wanted/invalid-spec.ts'
import type { PlacedParent } from '../wanted/parent-place.ts'
import { itemName, type Plan, type PlannedBinding, type PlannedSriov } from '../wanted/plan.ts'

interface Asked extends Pick<Plan, 'bindings' | 'sriov' | 'entries'> {
  readonly path: string
  readonly parents: readonly PlacedParent[]
  readonly future: FutureFunctions
}

/**
 * Refuses a file of which one part takes away what another part needs: INVALID_SPEC. NOT_SUPPORTED if the host's own
 * state keeps a card from having the virtual functions that are asked for.
 */
export function checkContradictions(files: HostFiles, asked: Asked): void {
  const { path, bindings, sriov, future } = asked
  const byDevice = new Map(bindings.map((binding) => [itemName(binding), binding]))
  for (const item of sriov) checkDriverMakesFunctions(files, path, item, byDevice.get(item.device))
  for (const { wanted, parent, ...entry } of asked.entries) {
    const name = pciAddressOrNull(entry.name) ?? pciAddressOrNull(parent)
    const card = wanted === null || name === null ? null : future.cardThatDrops(name)
    if (name === null || card === null) continue
    throw invalidSpec(
      path,
      name,
      `parents ask for what it carries, and it goes with the number of virtual functions of ${card}`,
      entry.at,
    )
  }
  for (const binding of bindings) {
    if (!losesDriver(binding)) continue
    const needed = devicesOn(binding, asked) ?? onFunctionsOf(files, binding, asked)
    if (needed === null) continue
    throw invalidSpec(path, itemName(binding), `bindings give it to ${binding.driver}, and ${needed}`, binding.at)
  }
}

/** vfio-pci makes virtual functions if its module is told to; pci-stub and no driver make none. */
function checkDriverMakesFunctions(
  files: HostFiles,
  path: string,
  { at, device, count, makesAnew }: PlannedSriov,
  binding: PlannedBinding | undefined,
): void {
  const now = readBinding(files, onPci(device)).driver
  const driver = binding === undefined ? now : binding.driver === noDriver ? null : binding.driver
  const isTouched = makesAnew || driver !== now
  if (count === 0 || !isTouched || makesFunctions(files, driver)) return
  const what = driver === null ? 'a card without a driver makes none' : `${driver} makes none`
  if (binding !== undefined && driver !== now) {
    throw invalidSpec(
      path,
      device,
      `bindings give it to ${binding.driver}, and parents ask for ${counted(count, 'virtual function')} of it: ${what}`,
      binding.at,
    )
  }
  // a change of NVIDIA's card that was killed half way gives the card its driver back
  if (driver === null && isNvidiaGpu(files, device)) return
  throw new VfioError(
    'NOT_SUPPORTED',
    `${inFile(path, at)}: ${device} cannot have ${counted(count, 'virtual function')}: ${what}`,
    {
      path,
      hint: mending(device, driver, binding),
      facts: { device, count, driver, ...at },
    },
  )
}

function mending(device: PciAddress, driver: string | null, binding: PlannedBinding | undefined): string {
  const allow =
    driver === plainVfioDriver ? '; echo 1 > /sys/module/vfio_pci/parameters/enable_sriov lets vfio-pci make them' : ''
  const out = binding === undefined ? '' : ', and take it out of bindings'
  return `vfioctl release ${device} gives it back to its own driver${out}${allow}`
}

function makesFunctions(files: HostFiles, driver: string | null): boolean {
  if (driver === null || driver === 'pci-stub') return false
  if (driver !== plainVfioDriver) return !driver.includes('vfio')
  return /^[Y1]$/i.test(readOrNull(files, '/sys/module/vfio_pci/parameters/enable_sriov')?.trim() ?? '')
}

/** True if it loses the driver that it has, or that it would come with as a function. */
export function losesDriver({ driver, asked, afterSriov, takenFrom }: PlannedBinding): boolean {
  if (afterSriov)
    return driver === noDriver || asked === bestDriver || driver === 'pci-stub' || /vfio[-_]pci$/.test(driver)
  return takenFrom !== null
}

/** The file's demands on this device, in words; null for none. */
function devicesOn({ device, driver }: PlannedBinding, { entries, parents }: Asked): string | null {
  const entry = entries.find((it) => {
    const isOn = it.parent === device || (it.name === device && !planningOf(it).leavesDrivers)
    return it.wanted !== null && isOn
  })
  if (entry !== undefined) {
    const why = driver === noDriver ? 'a driver makes them' : `${driver} makes none`
    return `parents ask for the ${planningOf(entry).noun} ${entry.name} (${entry.type}) on it: ${why}`
  }
  const isParent = parents.some(({ on }) =>
    on.some((place) => place.parents.includes(device) && !planningOf(place).leavesDrivers),
  )
  return isParent ? 'parents say what it carries: without its driver it carries nothing' : null
}

/** The file's demands on virtual functions that go with the driver of their card, in words; null for none. */
function onFunctionsOf(files: HostFiles, { device, afterSriov }: PlannedBinding, asked: Asked): string | null {
  if (afterSriov) return null
  const isIts = (name: string): boolean => {
    const address = pciAddressOrNull(name)
    return address !== null && physicalFunctionOf(files, address) === device
  }
  const along = "the card's own driver takes its virtual functions along"
  const bound = asked.bindings.find((it) => !it.afterSriov && isIts(it.device))
  if (bound !== undefined) return `its virtual function ${itemName(bound)} to ${bound.driver}: ${along}`
  const carrier = asked.entries.find(({ parent, wanted }) => wanted !== null && isIts(parent))
  return carrier === undefined ? null : `parents ask for ${carrier.name} on ${carrier.parent}: ${along}`
}
