import { HoleNodes } from './hole-nodes.ts'

/** From `first` to `last`, both inclusive. */
export interface Pages {
  readonly first: number
  readonly last: number
}

/**
 * The free pages of an address space, as holes that never touch each other: a B+ tree by address. A tree of our own, as
 * no library's keeps how wide a subtree's holes are, which is what makes the search for a place O(log n) like everything
 * else here. (n is the most holes there have been, as nodes are not joined before they are empty; and this is on average,
 * as a search may find less than it was told, and then corrects that.)
 */
export class IovaHoles {
  readonly #hugePage: number
  readonly #nodes: HoleNodes
  #root: number
  /** Of the root, above the leaves. */
  #height = 0
  /** What was found last: the nodes from the root on, which entry of each leads on, and the leaf. */
  readonly #way: number[] = []
  readonly #indexes: number[] = []
  #leaf: number
  /** In the leaf; -1 where a page lies below all of its holes. */
  #index = -1

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(hugePage: number) {
    this.#hugePage = hugePage
    this.#nodes = new HoleNodes(hugePage)
    this.#root = this.#nodes.make('leaf')
    this.#leaf = this.#root
  }

  /** False, changing nothing, where one of these pages is free already. */
  add(first: number, last: number): boolean {
    const nodes = this.#nodes
    this.#find(first)
    const leaf = this.#leaf
    const index = this.#index
    const below = index < 0 ? -1 : nodes.last(leaf, index)
    const above = index + 1 < nodes.count(leaf) ? nodes.first(leaf, index + 1) : this.#firstAfterLeaf()
    if (below >= first || above <= last) return false
    const touchesBelow = index >= 0 && below === first - 1
    const touchesAbove = above === last + 1
    if (touchesAbove && index + 1 === nodes.count(leaf)) return this.add(first, this.#remove(above))
    const start = touchesBelow ? nodes.first(leaf, index) : first
    const end = touchesAbove ? nodes.last(leaf, index + 1) : last
    if (touchesBelow && touchesAbove) nodes.remove(leaf, index + 1)
    if (touchesBelow) nodes.setHole(leaf, index, start, end)
    else if (touchesAbove) nodes.setHole(leaf, index + 1, start, end)
    else nodes.insertHole(leaf, index + 1, start, end)
    this.#settle()
    return true
  }

  /** Takes these very pages; false, changing nothing, where they are not all free. */
  take(first: number, last: number): boolean {
    this.#find(first)
    if (this.#index < 0 || this.#nodes.last(this.#leaf, this.#index) < last) return false
    this.#takeFound(first, last, false)
    return true
  }

  /** Of the hole that was found. */
  #takeFound(first: number, last: number, tighten: boolean): void {
    const nodes = this.#nodes
    const leaf = this.#leaf
    const index = this.#index
    const start = nodes.first(leaf, index)
    const end = nodes.last(leaf, index)
    if (start === first && end === last) nodes.remove(leaf, index)
    else if (start === first) nodes.setHole(leaf, index, last + 1, end)
    else nodes.setHole(leaf, index, start, first - 1)
    if (start < first && last < end) nodes.insertHole(leaf, index + 1, last + 1, end)
    this.#settle(tighten)
  }

  /** Takes the highest place for `pages` within `window`: its first page; null where there is none. */
  takeHighest(pages: number, window: Pages, alignment: 'page' | 'huge'): number | null {
    const first = this.#findHighest(this.#root, 0, pages, window, alignment, true)
    if (first === null) return null
    // the next search shall not look here in vain
    const isMost = 2 * pages > this.#nodes.widest(this.#leaf, this.#index)
    this.#takeFound(first, first + pages - 1, isMost)
    return first
  }

  /** `isCut` where the window may end within the node. */
  #findHighest(
    node: number,
    depth: number,
    pages: number,
    window: Pages,
    alignment: 'page' | 'huge',
    isCut: boolean,
  ): number | null {
    const nodes = this.#nodes
    const top = isCut ? nodes.indexOf(node, window.last) : nodes.count(node) - 1
    for (let index = top; ; index--) {
      index = nodes.lastWide(node, index, pages, alignment)
      if (index < 0 || (index < top && nodes.first(node, index + 1) <= window.first)) return null
      this.#enter(node, index, depth)
      if (depth === this.#height) {
        const found = this.#placeIn(node, index, pages, window, alignment)
        if (found !== null) return found
      } else {
        const isCutHere = isCut && index === top
        const found = this.#findHighest(nodes.child(node, index), depth + 1, pages, window, alignment, isCutHere)
        if (found !== null) return found
        // what lies within the window in part alone may be as wide as it says
        if (!isCutHere && nodes.first(node, index) >= window.first) nodes.tighten(node, index)
      }
    }
  }

  #enter(node: number, index: number, depth: number): void {
    if (depth === this.#height) {
      this.#leaf = node
      this.#index = index
    } else {
      this.#way[depth] = node
      this.#indexes[depth] = index
    }
  }

  #placeIn(leaf: number, index: number, pages: number, window: Pages, alignment: 'page' | 'huge'): number | null {
    const unit = alignment === 'huge' ? this.#hugePage : 1
    const last = Math.min(this.#nodes.last(leaf, index), window.last)
    const first = Math.floor((last + 1 - pages) / unit) * unit
    return first >= Math.max(this.#nodes.first(leaf, index), window.first) ? first : null
  }

  /** The leaf for a page, and in it the last hole that begins there or below. */
  #find(page: number): void {
    let node = this.#root
    for (let depth = 0; depth < this.#height; depth++) {
      const index = Math.max(0, this.#nodes.indexOf(node, page))
      this.#enter(node, index, depth)
      node = this.#nodes.child(node, index)
    }
    this.#enter(node, this.#nodes.indexOf(node, page), this.#height)
  }

  /** Where the lowest hole above the leaf begins; infinite where there is none. */
  #firstAfterLeaf(): number {
    for (let depth = this.#height - 1; depth >= 0; depth--) {
      const node = this.#way[depth] ?? 0
      const index = this.#indexes[depth] ?? 0
      if (index + 1 < this.#nodes.count(node)) return this.#nodes.first(node, index + 1)
    }
    return Number.POSITIVE_INFINITY
  }

  /** Removes the hole that begins here, and returns its last page. */
  #remove(first: number): number {
    this.#find(first)
    const last = this.#nodes.last(this.#leaf, this.#index)
    this.#nodes.remove(this.#leaf, this.#index)
    this.#settle()
    return last
  }

  /** After a change in the leaf: what the nodes above know of it, as far up as that is different. */
  #settle(tighten = false): void {
    const nodes = this.#nodes
    let child = this.#leaf
    let newest = this.#index + 1
    for (let depth = this.#height - 1; depth >= 0; depth--) {
      const node = this.#way[depth] ?? 0
      const index = this.#indexes[depth] ?? 0
      if (nodes.count(child) === 0) {
        nodes.remove(node, index)
        nodes.drop(child)
      } else {
        const beside = nodes.split(child, newest)
        const isOther = tighten ? nodes.tighten(node, index) : nodes.setChild(node, index, child)
        if (beside !== null) nodes.insertChild(node, index + 1, beside)
        else if (!isOther) return
      }
      child = node
      newest = index + 1
    }
    this.#settleRoot(newest)
  }

  #settleRoot(newest: number): void {
    const nodes = this.#nodes
    const beside = nodes.split(this.#root, newest)
    if (beside !== null) {
      const above = nodes.make('inner')
      nodes.insertChild(above, 0, this.#root)
      nodes.insertChild(above, 1, beside)
      this.#root = above
      this.#height++
    }
    while (this.#height > 0 && nodes.count(this.#root) === 1) {
      const above = this.#root
      this.#root = nodes.child(above, 0)
      this.#height--
      nodes.drop(above)
    }
  }
}
