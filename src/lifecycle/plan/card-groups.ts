import type { HostFiles } from '../../kernel/kernel.ts'
import { planningOf } from '../kinds/plannings.ts'
import { isPlannedDevice, type NoRoom, type PlanItem, type PlannedDevice } from '../wanted/plan.ts'
import type { DoneVerbs } from '../wanted/run-verbs.ts'
import type { MadeFunctions } from './made-functions.ts'

/** Cards between which a plan moves devices stand or fall together: what is made on them is taken back together. */
export interface CardGroup {
  readonly cards: ReadonlySet<string>
  readonly journal: DoneVerbs[]
  /** Virtual functions that were made for it. */
  readonly functions: MadeFunctions[]
  /** Cards of it that are known to have no room, before anything is done. */
  readonly noRoom: readonly NoRoom[]
  /** True if it was taken back: then nothing more is done on it. */
  isOver: boolean
}

/** The cards that a plan's devices share, so that each group is made or taken back whole. */
export class CardGroups {
  readonly #groups: CardGroup[] = []
  readonly #files: HostFiles

  constructor(files: HostFiles, items: readonly PlanItem[], noRoom: readonly NoRoom[]) {
    this.#files = files
    for (const item of items) {
      if (isPlannedDevice(item)) this.#join(this.#cardsOf(item), noRoom)
    }
  }

  /** Of the devices that come to a card; null for a card to which none comes. */
  ofCard(card: string): CardGroup | null {
    return this.#groups.find(({ cards }) => cards.has(card)) ?? null
  }

  /** Null for what is done to a host device. */
  of(item: PlanItem): CardGroup | null {
    if (!isPlannedDevice(item)) return null
    const [card = ''] = this.#cardsOf(item)
    return this.ofCard(card)
  }

  #cardsOf({ kind, parent, running }: PlannedDevice): string[] {
    return [parent, ...(running === null ? [] : [running.parent])].map((name) => {
      return planningOf({ kind }).cardOf(this.#files, name)
    })
  }

  #join(cards: readonly string[], noRoom: readonly NoRoom[]): void {
    const touched = this.#groups.filter((group) => cards.some((card) => group.cards.has(card)))
    const [only] = touched
    if (touched.length === 1 && only !== undefined && cards.every((card) => only.cards.has(card))) return
    const all = new Set([...touched.flatMap((group) => [...group.cards]), ...cards])
    for (const group of touched) this.#groups.splice(this.#groups.indexOf(group), 1)
    this.#groups.push({
      cards: all,
      journal: [],
      functions: [],
      noRoom: noRoom.filter(({ card }) => all.has(card)),
      isOver: false,
    })
  }
}
