import { shownUsers } from '../host/device-users.ts'
import type { Plan, PlanEntry } from '../lifecycle/plan/plan.ts'
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

export function planTable({ entries }: Plan, io: Io): string {
  return table(entries, columns, io)
}

/** The exact writes, device by device, in their order. */
export function planSteps({ entries }: Plan): string {
  return entries
    .filter(({ action }) => action !== 'keep')
    .flatMap(({ action, uuid, reason, steps }) => [`# ${action} ${uuid}: ${reason}`, ...steps.map(shownStep)])
    .map((line) => `${line}\n`)
    .join('')
}

/** `2 to create, 1 to remove; 5 stay`, or that all is as it should be. */
export function planSummary({ entries }: Plan): string {
  const count = (action: PlanEntry['action']) => entries.filter((entry) => entry.action === action).length
  const changes = (['create', 'change', 'remove'] as const).flatMap((action) => {
    return count(action) === 0 ? [] : [`${count(action)} to ${action}`]
  })
  if (changes.length === 0) return `nothing to do: ${entries.length} devices are as they should be`
  return `${changes.join(', ')}; ${count('keep')} stay as they are`
}
