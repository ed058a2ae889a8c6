import { HoleEdges, nowhere, type Pages } from './hole-edges.ts'

/**
 * The free pages of an address space, as holes that never touch each other. They are kept as their edges: to free pages
 * or to take them turns over the edge at either end, whatever lies beside them.
 */
export class IovaHoles {
  readonly #edges: HoleEdges

  /** All of them free. `hugePage` is the alignment of huge pages, in pages. */
  constructor(pages: number, hugePage: number) {
    this.#edges = new HoleEdges(pages, hugePage)
    this.#edges.turn(0, 'begin')
  }

  /** False, changing nothing, if one of these pages is free already. */
  add(first: number, last: number): boolean {
    const edges = this.#edges
    const edge = edges.upTo(last)
    if (edge > first || edges.isBegin) return false
    const begin = edge === first ? edges.beginOf(first) : first
    const end = edges.turn(last + 1, 'end') ? last + 1 : edges.from(last + 2)
    edges.turn(first, 'begin')
    edges.recordHole(begin, end)
    return true
  }

  /** Takes these very pages; false, changing nothing, if they are not all free. */
  take(first: number, last: number): boolean {
    const begin = this.#edges.upTo(last)
    if (begin > first || !this.#edges.isBegin) return false
    this.#takeFrom(begin, first, last)
    return true
  }

  /** Takes the highest place for `pages` within `window`: its first page; null if there is none. */
  takeHighest(pages: number, window: Pages, alignment: 'page' | 'huge'): number | null {
    const place = this.#edges.highestPlace(pages, window, alignment)
    if (place === nowhere) return null
    this.#takeFrom(this.#edges.beginOfPlace, place, place + pages - 1)
    return place
  }

  /** Of the hole that begins at `begin`. */
  #takeFrom(begin: number, first: number, last: number): void {
    const edges = this.#edges
    const isLeft = edges.turn(first, 'end')
    edges.turn(last + 1, 'begin')
    if (isLeft) edges.recordHole(begin, first)
  }
}
