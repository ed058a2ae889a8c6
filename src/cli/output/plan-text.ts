import { counted, escaped } from '../../base/units.ts'
import { shownUsers } from '../../host/device-users.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { noDriver } from '../../lifecycle/bindings/wanted-driver.ts'
import { sayScriptsAreNotAsked } from '../../lifecycle/callouts/scripts-not-asked.ts'
import { planningOf } from '../../lifecycle/kinds/plannings.ts'
import { modesInWords } from '../../lifecycle/settings/gpu-modes.ts'
import {
  isPlannedDevice,
  itemName,
  itemsOf,
  type Plan,
  type PlanItem,
  type PlannedBinding,
  type PlannedGpuModes,
  type PlannedSriov,
} from '../../lifecycle/wanted/plan.ts'
import type { Io } from '../io/io.ts'
import type { Style } from '../io/paint.ts'
import { type Column, table } from './output.ts'
import { shownStep } from './report-change.ts'

const columns: readonly Column<Plan['entries'][number]>[] = [
  { heading: 'ACTION', cell: (row) => row.action },
  { heading: 'DEVICE', cell: itemName },
  { heading: 'PARENT', cell: (row) => row.parent },
  { heading: 'TYPE', cell: (row) => row.type },
  { heading: 'REASON', cell: (row) => row.reason },
  {
    heading: 'USED BY',
    cell: ({ users }) => shownUsers(users),
  },
]

const bindingColumns: readonly Column<PlannedBinding>[] = [
  { heading: 'ACTION', cell: (row) => row.action },
  { heading: 'DEVICE', cell: itemName },
  { heading: 'DRIVER', cell: (row) => row.driver },
  { heading: 'REASON', cell: (row) => row.reason },
  { heading: 'IN USE', cell: ({ uses }) => uses.join(', ') },
]

const sriovColumns: readonly Column<PlannedSriov>[] = [
  { heading: 'ACTION', cell: (row) => row.action },
  { heading: 'DEVICE', cell: (row) => row.device },
  { heading: 'FUNCTIONS', cell: (row) => row.count },
  { heading: 'REASON', cell: (row) => row.reason },
  { heading: 'IN USE', cell: ({ uses }) => uses.join(', ') },
]

const modeColumns: readonly Column<PlannedGpuModes>[] = [
  { heading: 'ACTION', cell: (row) => row.action },
  { heading: 'DEVICE', cell: (row) => row.device },
  { heading: 'MODES', cell: modesOf },
  { heading: 'REASON', cell: (row) => row.reason },
  { heading: 'IN USE', cell: ({ uses }) => uses.join(', ') },
]

/** A sign for each action, and its colour. */
const signs: Readonly<Record<PlanItem['action'], readonly [sign: string, style: Style]>> = {
  bind: ['~', 'yellow'],
  create: ['+', 'green'],
  change: ['~', 'yellow'],
  remove: ['-', 'red'],
  keep: [' ', 'dim'],
}

/** A plan as tables: drivers, functions, modes of GPUs, virtual devices. In a terminal, each action has a sign and a colour. */
export function planTable({ bindings, sriov, gpuModes, entries }: Plan, inTerminal: boolean): string {
  const form = { style: ({ action }: PlanItem) => (inTerminal ? signs[action][1] : null) }
  const signed = <T extends PlanItem>(given: readonly Column<T>[]): readonly Column<T>[] =>
    given.map((column, at) => {
      if (at > 0 || !inTerminal) return column
      return { heading: `  ${column.heading}`, cell: (row) => `${signs[row.action][0]} ${row.action}` }
    })
  const tables = [
    ...(bindings.length === 0 ? [] : [table(bindings, signed(bindingColumns), form)]),
    ...(sriov.length === 0 ? [] : [table(sriov, signed(sriovColumns), form)]),
    ...(gpuModes.length === 0 ? [] : [table(gpuModes, signed(modeColumns), form)]),
    ...(entries.length === 0 ? [] : [table(entries, signed(columns), form)]),
  ]
  return tables.join('\n')
}

/** 'bind 0000:3b:00.0 to vfio-pci', 'create UUID on mtty (mtty-2)' */
export function shownItem(item: PlanItem): string {
  return `${item.action} ${itemName(item)} ${whatOf(item)}`
}

function modesOf({ part, modes }: PlannedGpuModes): string {
  if (part === 'mig-mode') return (modes.mig ?? []).length > 0 ? 'MIG on' : 'MIG off'
  return modesInWords(modes).join(', ')
}

function whatOf(item: PlanItem): string {
  if (isPlannedDevice(item)) return `on ${item.parent} (${item.type})`
  if (item.kind === 'binding') return item.driver === noDriver ? 'to no driver' : `to ${item.driver}`
  if (item.kind === 'gpu-modes') return `to ${modesOf(item)}`
  return `to ${counted(item.count, 'virtual function')}`
}

/** The exact writes, device by device, in their order. */
export function planSteps(plan: Plan): string {
  return itemsOf(plan)
    .filter(({ action }) => action !== 'keep')
    .flatMap((item) => [escaped(`# ${item.action} ${itemName(item)}: ${item.reason}`), ...item.steps.map(shownStep)])
    .map((line) => `${line}\n`)
    .join('')
}

/** A vendor's script may forbid what a plan has for a device; only carrying it out asks. */
export function sayIfScriptsAreNotAsked(kernel: Kernel, { entries }: Plan, io: Io): void {
  if (!entries.some((item) => item.action !== 'keep' && planningOf(item).asksScripts)) return
  sayScriptsAreNotAsked(kernel, { onMessage: (line) => io.err(`${line}\n`) })
}

/** `2 to create, 1 to remove; 5 to keep`, or that all is as it should be. */
export function planSummary(plan: Plan): string {
  const items = itemsOf(plan)
  const count = (action: (typeof items)[number]['action']) => items.filter((item) => item.action === action).length
  const changes = (['bind', 'create', 'change', 'remove'] as const).flatMap((action) => {
    return count(action) === 0 ? [] : [`${count(action)} to ${action}`]
  })
  if (changes.length === 0) return `nothing to do: all is as it should be (${counted(items.length, 'device')})`
  return `${changes.join(', ')}; ${count('keep')} to keep`
}
