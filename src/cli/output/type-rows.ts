import { counted } from '../../base/units.ts'
import type { DeviceType } from '../../lifecycle/device/device-type.ts'

/** A row of the table of types: what one parent offers, or what several functions of one card offer alike. */
export interface TypeRow {
  readonly type: DeviceType
  /** '0000:3b:00.0', or '0000:41:00.4 … 0000:41:02.3 (16 functions)'. */
  readonly parents: string
  /** Of how many parents it tells. */
  readonly count: number
}

interface Block {
  readonly parents: readonly string[]
  readonly card: string | null
  /** All that a row tells of them, besides their names. */
  readonly alike: string
  readonly types: readonly DeviceType[]
}

/**
 * The rows for types that stand in the order of their parents. Functions that follow each other share rows if they are
 * of one card and offer the same; `cardOf` names the card of a virtual function, null for any other parent.
 */
export function typeRows(types: readonly DeviceType[], cardOf: (parent: string) => string | null): TypeRow[] {
  const blocks: Block[] = []
  for (const block of parentBlocks(types, cardOf)) {
    const last = blocks.at(-1)
    const isSame = last !== undefined && last.card !== null && last.card === block.card && last.alike === block.alike
    if (isSame) blocks[blocks.length - 1] = { ...last, parents: [...last.parents, ...block.parents] }
    else blocks.push(block)
  }
  return blocks.flatMap(({ parents, types }) =>
    types.map((type) => ({ type, parents: shown(parents), count: parents.length })),
  )
}

function parentBlocks(types: readonly DeviceType[], cardOf: (parent: string) => string | null): Block[] {
  const byParent = new Map<string, DeviceType[]>()
  for (const type of types) {
    const key = JSON.stringify([type.kind, type.parent])
    const found = byParent.get(key)
    if (found === undefined) byParent.set(key, [type])
    else found.push(type)
  }
  return [...byParent.values()].flatMap((own): Block[] => {
    const [first] = own
    if (first === undefined) return []
    const alike = JSON.stringify(own.map(({ parent: _, devices: __, ...rest }) => rest))
    return [{ parents: [first.parent], card: cardOf(first.parent), alike, types: own }]
  })
}

function shown(parents: readonly string[]): string {
  const first = parents[0] ?? ''
  return parents.length < 2 ? first : `${first} … ${parents.at(-1)} (${counted(parents.length, 'function')})`
}
