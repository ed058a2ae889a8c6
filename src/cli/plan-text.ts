import { shownUsers } from '../host/device-users.ts'
import { itemName, type Plan, type PlanEntry, type PlanItem, type PlannedBinding } from '../lifecycle/plan/plan.ts'
import type { Io } from './io.ts'
import { type Column, table } from './output.ts'
import { shownStep } from './report-change.ts'

const columns: readonly Column<PlanEntry>[] = [
  { heading: 'ACTION', cell: (row) => row.action },
  { heading: 'UUID', cell: (row) => row.uuid },
  { heading: 'PARENT', cell: (row) => row.parent },
  { heading: 'TYPE', cell: (row) => row.type },
  { heading: 'BECAUSE IT', cell: (row) => row.reason },
  {
    heading: 'USED BY',
    cell: ({ users }) => shownUsers(users),
  },
]

const bindingColumns: readonly Column<PlannedBinding>[] = [
  { heading: 'ACTION', cell: (row) => row.action },
  { heading: 'DEVICE', cell: (row) => row.device },
  { heading: 'DRIVER', cell: (row) => row.driver },
  { heading: 'BECAUSE IT', cell: (row) => row.reason },
  { heading: 'IN USE', cell: ({ uses }) => uses.join(', ') },
]

export function planTable({ bindings, entries }: Plan, io: Io): string {
  const tables = [
    ...(bindings.length === 0 ? [] : [table(bindings, bindingColumns, io)]),
    ...(entries.length === 0 ? [] : [table(entries, columns, io)]),
  ]
  return tables.join('\n')
}

/** 'bind 0000:3b:00.0 to vfio-pci', 'create UUID on mtty (mtty-2)' */
export function shownItem(item: PlanItem): string {
  const what = 'uses' in item ? `to ${item.driver}` : `on ${item.parent} (${item.type})`
  return `${item.action} ${itemName(item)} ${what}`
}

/** The exact writes, device by device, in their order. */
export function planSteps({ bindings, entries }: Plan): string {
  return [...bindings, ...entries]
    .filter(({ action }) => action !== 'keep')
    .flatMap((item) => [`# ${item.action} ${itemName(item)}: ${item.reason}`, ...item.steps.map(shownStep)])
    .map((line) => `${line}\n`)
    .join('')
}

/** `2 to create, 1 to remove; 5 stay`, or that all is as it should be. */
export function planSummary({ bindings, entries }: Plan): string {
  const items = [...bindings, ...entries]
  const count = (action: (typeof items)[number]['action']) => items.filter((item) => item.action === action).length
  const changes = (['bind', 'create', 'change', 'remove'] as const).flatMap((action) => {
    return count(action) === 0 ? [] : [`${count(action)} to ${action}`]
  })
  if (changes.length === 0) return `nothing to do: ${items.length} devices are as they should be`
  return `${changes.join(', ')}; ${count('keep')} stay as they are`
}
