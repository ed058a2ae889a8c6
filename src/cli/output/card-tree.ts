import { counted, formatSize } from '../../base/units.ts'
import { type DeviceUser, shownUsers } from '../../host/device-users.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import type { DeviceType } from '../../lifecycle/device/device-type.ts'
import { sharesOrNull } from '../../lifecycle/device/gpu-shares.ts'
import type { VirtualDevice } from '../../lifecycle/device/virtual-device.ts'
import type { GpuInstance } from '../../lifecycle/gpu-modes/gpu-state.ts'

/** A line of the tree of cards: a card, a GPU instance (MIG) or partition of it, a type, or a device. */
export interface CardNode {
  readonly name: string
  /** The name of a type, or what the node is. */
  readonly what: string | null
  /** 'active' or 'inactive', or the number that is free. */
  readonly state: string | null
  readonly usedBy: string | null
  /** Memory that it takes, or that one of its type would take, in MiB; null if nothing tells. */
  readonly memoryMiB: number | null
  /** The part of its card's memory that is taken, from 0 to 1; null if the card's whole is not known. */
  readonly taken: number | null
  readonly children: readonly CardNode[]
}

/** All that the tree is made of. */
export interface CardFacts {
  readonly types: readonly DeviceType[]
  readonly devices: readonly VirtualDevice[]
  /** Cards that AMD's gim divides. */
  readonly divided: readonly PhysicalFunction[]
  /** Driver and users of a function of theirs. */
  readonly functionOf: (address: string) => { readonly driver: string | null; readonly users: readonly DeviceUser[] }
  /** GPU instances by card. */
  readonly instances: ReadonlyMap<string, readonly GpuInstance[]>
  /** The card of a parent: itself, unless it is a virtual function. */
  readonly cardOf: (parent: string) => string
}

interface TypeOnCard {
  readonly type: string
  readonly name: string | null
  readonly free: string | null
  readonly memoryMiB: number | null
}

/** The cards in the order of their names, each with what it is divided into, its types and their devices. */
export function cardTree({ types, devices, divided, functionOf, instances, cardOf }: CardFacts): CardNode[] {
  const typesOf = grouped(types, ({ parent }) => cardOf(parent))
  const devicesOf = grouped(devices, ({ parent }) => cardOf(parent))
  const names = new Set([...typesOf.keys(), ...devicesOf.keys(), ...instances.keys()])
  const cards = [...names].map((card): CardNode => {
    const offered = typesOf.get(card) ?? []
    const its = devicesOf.get(card) ?? []
    const whole = memoryOf(offered)
    const byType = grouped(its, typeOf)
    const known = typesOn(offered)
    const others = [...byType.keys()].filter((type) => !known.some((it) => it.type === type)).map(unofferedType)
    const running = its.filter(({ active }) => active)
    const memory = running.map((device) => memoryOfDevice(device, known))
    const sum = memory.reduce<number>((all, one) => all + (one ?? 0), 0)
    return {
      ...plain(card, null),
      taken: whole === null ? null : sum / whole,
      memoryMiB: whole,
      state: whole === null && sum > 0 ? `${formatSize(sum * 2 ** 20)} taken` : null,
      children: [
        ...(instances.get(card) ?? []).map(({ id, profile }) => plain(`GPU instance ${id}`, profile)),
        ...[...known, ...others].map((type) => typeNode(type, byType.get(type.type) ?? [], known, whole)),
      ],
    }
  })
  return [...cards, ...divided.map((card) => dividedCard(card, functionOf))].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  )
}

function plain(name: string, what: string | null): CardNode {
  return { name, what, state: null, usedBy: null, memoryMiB: null, taken: null, children: [] }
}

/** The word of a device's type among those that its card offers: shares of any size are one. */
function typeOf({ kind, type }: VirtualDevice): string {
  return kind === 'xe-vf' ? 'shares' : type
}

/** Types of a card, or of all its functions together. */
function typesOn(offered: readonly DeviceType[]): TypeOnCard[] {
  return [...grouped(offered, ({ type }) => type)].flatMap(([type, alike]) => {
    const [first] = alike
    if (first === undefined) return []
    const sum = alike.reduce((all, { available, availableAtMost }) => all + (availableAtMost ?? available ?? 0), 0)
    const isKnown = alike.some(({ available, availableAtMost }) => (availableAtMost ?? available) !== null)
    const isMost = sum > 0 && (alike.length > 1 || first.availableAtMost !== undefined)
    const free = isKnown ? `${isMost ? 'up to ' : ''}${sum} free` : null
    return [{ type, name: first.name, free, memoryMiB: first.details.framebufferMiB }]
  })
}

function unofferedType(type: string): TypeOnCard {
  return { type, name: null, free: null, memoryMiB: null }
}

/**
 * The memory of a card whose driver says of each type how many the empty card takes: as much as most of it comes to.
 * Other drivers leave out types that do not fit any more, and so say nothing of the whole.
 */
function memoryOf(offered: readonly DeviceType[]): number | null {
  const sizes = offered.map(({ parent: _, details: { framebufferMiB, maxInstances } }) =>
    framebufferMiB === null || maxInstances === null ? 0 : framebufferMiB * maxInstances,
  )
  return Math.max(0, ...sizes) || null
}

function memoryOfDevice(device: VirtualDevice, types: readonly TypeOnCard[]): number | null {
  if (device.kind !== 'xe-vf') return types.find(({ type }) => type === device.type)?.memoryMiB ?? null
  const vram = sharesOrNull(device.type)?.vram ?? 0
  return vram === 0 ? null : vram / 2 ** 20
}

function typeNode(
  type: TypeOnCard,
  devices: readonly VirtualDevice[],
  known: readonly TypeOnCard[],
  whole: number | null,
): CardNode {
  const children = devices.map((device): CardNode => {
    const memoryMiB = memoryOfDevice(device, known)
    return {
      ...plain(device.name, device.kind === 'xe-vf' ? device.type : null),
      state: device.active ? 'active' : 'inactive',
      usedBy: shownUsers(device.users),
      memoryMiB,
      taken: device.active && memoryMiB !== null && whole !== null ? memoryMiB / whole : null,
    }
  })
  return { ...plain(type.type, type.name), state: type.free, memoryMiB: type.memoryMiB, children }
}

function dividedCard(
  { address, functions, total, partitions }: PhysicalFunction,
  functionOf: CardFacts['functionOf'],
): CardNode {
  const profile = partitions?.profile ?? null
  const mode = profile === null ? null : `${profile.type} ${partitions?.memory ?? ''}`.trim()
  return {
    ...plain(address, mode),
    state: `${functions.length} of ${counted(total, 'virtual function')}`,
    children: functions.map((name) => {
      const { driver, users } = functionOf(name)
      return { ...plain(name, 'virtual function'), state: driver ?? 'no driver', usedBy: shownUsers(users) }
    }),
  }
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}
