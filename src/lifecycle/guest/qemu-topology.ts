import { VfioError } from '../../base/errors.ts'
import type { GuestDevice } from './guest-device.ts'
import type { GuestSlot } from './guest-slots.ts'
import { qemuOption } from './qemu-option.ts'

/**
 * The place of the devices on the guest's PCI buses: each behind a root port of its own, where it can be unplugged
 * (q35, and virt of arm64); each on bus 0; all behind one bridge to conventional PCI; or a bridge for each IOMMU group,
 * so that a guest with an IOMMU of its own has the groups of the host.
 */
export type QemuTopology = 'ports' | 'flat' | 'bridge' | 'bridge-per-group'

/** The properties that put a device into its place. */
export interface QemuPlace {
  readonly bus?: string
  readonly addr?: string
  readonly multifunction?: 'on'
}

/** The devices' places, and the values of `-device` for the ports or bridges that have to stand before them. */
export interface QemuPlaces {
  readonly controllers: readonly string[]
  readonly of: ReadonlyMap<GuestDevice, QemuPlace>
}

/** Bus 0 has 32 slots, and those of a machine's own devices are taken. */
const mostPorts = 24
/** A hot-plug controller has no slot 0. */
const mostBehindBridge = 31
/** Pairs of chassis and slot number are unique in a machine: people number their own ports from 0 or 1. */
const firstChassis = 128
/** QEMU fills bus 0 from below, and a machine's own devices are at its end. */
const firstFlatSlot = 0x10

/** Places for devices that share no slot unless they are functions of one. INVALID_ARGUMENT if they are too many. */
export function qemuPlaces(slots: readonly GuestSlot[], topology: QemuTopology): QemuPlaces {
  if (topology === 'flat') return onRootBus(slots)
  if (topology === 'ports') return behindPorts(slots)
  const keys = slots.map(([{ group, name }]) => (topology === 'bridge' ? 'all' : (group ?? name)))
  const bridges = [...new Set(keys)].map((key) => slots.filter((_slot, at) => keys[at] === key))
  return behindBridges(bridges)
}

/** Without a bus, which is pcie.0 on some machines and pci.0 on others. */
function onRootBus(slots: readonly GuestSlot[]): QemuPlaces {
  checkNumber(slots.length, 31 - firstFlatSlot, 'slots of bus 0')
  const several = slots.filter((slot) => slot.length > 1)
  return { controllers: [], of: new Map(several.flatMap((slot, at) => inSlot(slot, {}, firstFlatSlot + at))) }
}

function behindPorts(slots: readonly GuestSlot[]): QemuPlaces {
  checkNumber(slots.length, mostPorts, 'root ports')
  const ports = slots.map((slot, at) => ({ slot, id: `hostdev-port${at}`, chassis: firstChassis + at }))
  return {
    controllers: ports.map(({ id, chassis }) => qemuOption('pcie-root-port', { id, chassis })),
    of: new Map(ports.flatMap(({ slot, id }) => inSlot(slot, { bus: id }, slot.length > 1 ? 0 : null))),
  }
}

function behindBridges(bridges: readonly (readonly GuestSlot[])[]): QemuPlaces {
  checkNumber(bridges.length, mostPorts, 'bridges')
  for (const slots of bridges) checkNumber(slots.length, mostBehindBridge, 'slots of a bridge')
  const named = bridges.map((slots, at) => ({ slots, id: `hostdev-bridge${at}` }))
  const places = named.flatMap(({ slots, id }) => slots.flatMap((slot, at) => inSlot(slot, { bus: id }, at + 1)))
  return { controllers: named.map(({ id }) => qemuOption('pcie-pci-bridge', { id })), of: new Map(places) }
}

/** Null for a slot that QEMU chooses. */
function inSlot(slot: GuestSlot, place: QemuPlace, number: number | null): (readonly [GuestDevice, QemuPlace])[] {
  return slot.map((device, index) => {
    if (number === null) return [device, place]
    const at = `0x${number.toString(16)}`
    if (slot.length === 1) return [device, { ...place, addr: at }]
    const addr = `${at}.0x${device.name.slice(-1)}`
    return [device, index === 0 ? { ...place, addr, multifunction: 'on' } : { ...place, addr }]
  })
}

function checkNumber(count: number, most: number, what: string): void {
  if (count <= most) return
  throw new VfioError('INVALID_ARGUMENT', `a guest has ${most} ${what} for devices, and ${count} are needed`, {
    hint: 'vfioctl qemu --help shows the topologies',
    facts: { needed: count, most },
  })
}
