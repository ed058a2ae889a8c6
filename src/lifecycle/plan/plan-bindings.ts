import { isDeepStrictEqual } from 'node:util'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { type BusDevice, onPci, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { pciAddresses } from '../../host/pci-bus.ts'
import { plainVfioDriver } from '../../host/variants/vfio-pci-drivers.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type BindChange, driverChanges } from '../bindings/bind-changes.ts'
import { stepsOf } from '../bindings/driver-changes.ts'
import { earlyDevices } from '../bindings/early-devices.ts'
import { screenUses } from '../bindings/host-screen.ts'
import { isSettingWrite, otherSettings } from '../bindings/pci-settings.ts'
import { bestDriver, noDriver, WantedDrivers } from '../bindings/wanted-driver.ts'
import { planEarly } from '../early/plan-early.ts'
import { HostUses } from '../in-use/host-uses.ts'
import { plannedUses } from '../in-use/pci-use.ts'
import type { PciSettingsWish } from '../settings/pci-settings.ts'
import { areIdsOf, fitsPci, noneFits } from '../spec/choose-pci.ts'
import { futureBindingSteps, futureIds, futureModalias } from '../sriov/future-binding.ts'
import { willProbe } from '../sriov/kept-number.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import { invalidSpec, type Place } from '../wanted/invalid-spec.ts'
import { itemName, type PlannedBinding } from '../wanted/plan.ts'
import type { FunctionChoice, PciChoice, Spec } from '../wanted/spec.ts'
import { functionsNamed } from './functions-named.ts'

const differentSettings =
  'is to have two different settings of power, resets or BARs: name it once (group: true gives the rest of its IOMMU group its power)'

/** Plans the changes that give devices, and virtual functions that are to come, the drivers that a spec says. */
export function planBindings(files: HostFiles, { path, bindings }: Spec, future: FutureFunctions): PlannedBinding[] {
  const planned = new Map<string, PlannedBinding>()
  const host = new HostUses(files)
  const drivers = new WantedDrivers(files)
  const changes: BindChange[] = []
  for (const { at, choice, driver, ...wishes } of bindings) {
    for (const item of choose(files, choice, future).flatMap((device) =>
      itemsFor(files, path, { at, device, asked: driver ?? undefined, ...wishes }, { future, host, drivers, changes }),
    )) {
      const shown = itemName(item)
      const other = planned.get(shown)?.driver ?? item.driver
      if (other !== item.driver) {
        const what = `is to have two drivers, ${other} and ${item.driver}: name it once (group: true names the rest of its IOMMU group)`
        throw invalidSpec(path, shown, what, at)
      }
      const earlier = planned.get(shown)?.settings ?? item.settings
      if (!isDeepStrictEqual(earlier, item.settings)) throw invalidSpec(path, shown, differentSettings, at)
      planned.set(shown, item)
    }
  }
  return withEarlySteps(files, [...planned.values()], changes)
}

/** Those that are named; otherwise those that fit and will be there once the virtual functions are made. */
function choose(files: HostFiles, choice: PciChoice | FunctionChoice, future: FutureFunctions): BusDevice[] {
  if ('names' in choice) return choice.names.map(parseBusDevice)
  if ('card' in choice) return functionsNamed(files, choice, future).map(onPci)
  const coming = future.addresses.filter((address) => {
    const card = future.cardOf(address)
    if ('from' in choice || card === null) return fitsPci(files, address, choice)
    return areIdsOf(futureIds(files, card), choice)
  })
  const there = pciAddresses(files).filter((it) => fitsPci(files, it, choice))
  const staying = there.filter((address) => future.cardThatDrops(address) === null)
  const chosen = [...new Set([...staying, ...coming])].sort()
  if (chosen.length > 0) return chosen.map(onPci)
  throw noneFits(choice, there.length === 0 ? '' : ' but what goes with a number of virtual functions in this file')
}

/** One device of an entry of the file. */
interface Request {
  readonly at: Place | null
  readonly device: BusDevice
  /** Undefined for VFIO's best. */
  readonly asked: string | undefined
  readonly group: boolean
  readonly early: boolean | null
  /** Null for none. */
  readonly settings: PciSettingsWish | null
  readonly releaseFramebuffer: boolean
}

/** The host, and what it is to have, as far as all entries ask it. */
interface Known {
  readonly future: FutureFunctions
  readonly host: HostUses
  readonly drivers: WantedDrivers
  /** Takes the changes of devices that are there. */
  readonly changes: BindChange[]
}

function itemsFor(
  files: HostFiles,
  path: string,
  request: Request,
  { future, host, drivers, changes }: Known,
): PlannedBinding[] {
  const { at, device, asked, group, early, settings, releaseFramebuffer } = request
  const own = pciOf(device)
  const drops = own === null ? null : future.cardThatDrops(own)
  if (drops !== null) {
    throw invalidSpec(
      path,
      device.name,
      `is to have ${asked ?? plainVfioDriver}, and goes with the number of virtual functions of ${drops}`,
      at,
    )
  }
  const card = own === null ? null : future.cardOf(own)
  if (own !== null && card !== null) {
    if (early === true) {
      const what = `is a virtual function of ${card}, which is made once its card has its driver: it cannot be early`
      throw invalidSpec(path, own, what, at)
    }
    const wanted = drivers.ofFuture(futureModalias(files, card), asked)
    if (settings?.bars !== undefined) {
      throw invalidSpec(
        path,
        device.name,
        'is a virtual function that is to come: its BARs have the size that its card says',
        at,
      )
    }
    return [
      {
        kind: 'binding',
        at,
        action: 'bind',
        bus: device.bus,
        device: device.name,
        driver: wanted.driver,
        asked: wanted.kept,
        early: null,
        earlyFollows: false,
        reason: `comes with the virtual functions of ${card}`,
        settings,
        steps: futureBindingSteps(files, own, card, wanted, {
          settings: settings ?? undefined,
          isProbed: willProbe(files, card, future.autoprobeOf(card)),
        }),
        uses: [],
        ends: [],
        takenFrom: null,
        afterSriov: true,
        groupFollows: false,
        releaseFramebuffer: false,
      },
    ]
  }
  const named = {
    device: shownDevice(device),
    group,
    releaseFramebuffer,
    driver: asked ?? bestDriver,
    ...(early === null ? {} : { early }),
    ...(settings && { settings }),
  }
  return driverChanges(files, named, drivers).flatMap((change) => {
    const address = pciOf(change.before.device)
    const isMadeAnew = address !== null && (future.cardOf(address) !== null || future.cardThatDrops(address) !== null)
    if (isMadeAnew) return []
    changes.push(change)
    return [plannedBinding(files, host, change, request)]
  })
}

/** Adds the steps of early binding to the last of its devices: it is one change for all of them. */
function withEarlySteps(
  files: HostFiles,
  items: readonly PlannedBinding[],
  changes: readonly BindChange[],
): PlannedBinding[] {
  const touching = new Set(changes.filter((it) => it.touchesEarly).map(({ before }) => shownDevice(before.device)))
  const last = items.findLast((item) => touching.has(itemName(item)))
  if (last === undefined) return [...items]
  const kept = changes.flatMap(({ keeping }) => keeping ?? [])
  const { steps } = planEarly(files, earlyDevices(files, kept), true)
  if (steps.length === 0) return [...items]
  return items.map((item) => {
    if (item !== last) return touching.has(itemName(item)) ? { ...item, earlyFollows: true } : item
    const reason = item.steps.length === 0 ? 'is not set up to be early' : item.reason
    return { ...item, action: 'bind', reason, steps: [...item.steps, ...steps] }
  })
}

function pciOf({ bus, name }: BusDevice): PciAddress | null {
  return bus === 'pci' ? pciAddressOrNull(name) : null
}

function plannedBinding(
  files: HostFiles,
  host: HostUses,
  change: BindChange,
  { at, group, early, releaseFramebuffer }: Request,
): PlannedBinding {
  const { before, screen, writes, wanted: driver, kept, wish, asked, keeping } = change
  const steps = stepsOf(change)
  const groupFollows = group && before.group === null && before.driver === null && writes.length > 0
  const lacks = driver === noDriver ? 'has no driver, and any may take it' : 'has no driver'
  const follows = groupFollows ? ', and so no IOMMU group yet: what shares it follows' : ''
  const isTaken = before.driver !== null && writes.some((step) => !isSettingWrite(step))
  const uses = [
    ...(isTaken ? host.of(before.device) : []),
    // a device without a driver can still show the host's screen
    ...(writes.every(isSettingWrite) ? [] : screenUses(screen)),
  ]
  const other = otherSettings(files, before.device, asked)
  const isWith = before.driver === null ? `${lacks}${follows}` : `is with ${before.driver}`
  const has = [...(before.driver === driver ? [] : [isWith]), ...other.map((it) => `has ${it}`)].join(', ')
  const notKept = keeping?.was == null ? 'is not kept for the next boot' : 'is kept otherwise for the next boot'
  return {
    kind: 'binding',
    at,
    action: steps.length === 0 ? 'keep' : 'bind',
    bus: before.device.bus,
    device: before.device.name,
    driver,
    asked: kept,
    early,
    earlyFollows: false,
    reason: steps.length === 0 ? 'is as it should be' : writes.length === 0 ? notKept : has,
    settings: wish,
    steps,
    takenFrom: isTaken ? before.driver : null,
    afterSriov: false,
    groupFollows,
    releaseFramebuffer,
    ...plannedUses(uses),
  }
}
