/** From `first` to `last`, both inclusive. */
export interface Pages {
  readonly first: number
  readonly last: number
}

/** Free pages from `first` to `last`, both inclusive: a node of a treap ordered by address. */
interface Hole {
  first: number
  last: number
  /** Parents have higher ones than their children; random, which keeps the tree balanced. */
  readonly priority: number
  left: Hole | null
  right: Hole | null
  /** Of this hole and those below it: the most pages that one holds, in all and from its first huge page boundary on. */
  widest: number
  widestHuge: number
}

interface Place {
  readonly hole: Hole
  readonly first: number
}

/**
 * The free pages of an address space, as holes that never touch each other. A tree of our own, as no library's keeps
 * how wide a subtree's holes are, which is what makes the search for a place O(log n) like everything else here.
 */
export class IovaHoles {
  readonly #hugePage: number
  #root: Hole | null = null

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(hugePage: number) {
    this.#hugePage = hugePage
  }

  /** False, changing nothing, where one of these pages is free already. */
  add(first: number, last: number): boolean {
    const above = this.#firstFrom(first)
    if (above !== null && above.first <= last) return false
    const below = this.#holeAt(first - 1)
    if (below !== null && below.last >= first) return false
    const touches = above !== null && above.first === last + 1
    if (below !== null && touches) this.#remove(above)
    if (below !== null) this.#resize(below, below.first, touches ? above.last : last)
    else if (touches) this.#resize(above, first, above.last)
    else this.#insert(first, last)
    return true
  }

  /** Takes these very pages; false, changing nothing, where they are not all free. */
  take(first: number, last: number): boolean {
    const hole = this.#holeAt(first)
    if (hole === null || hole.last < last) return false
    this.#cut(hole, first, last)
    return true
  }

  /** Takes the highest place for `pages` within `window`: its first page; null where there is none. */
  takeHighest(pages: number, window: Pages, alignment: 'page' | 'huge'): number | null {
    const place = this.#highest(this.#root, pages, window, alignment)
    if (place === null) return null
    this.#cut(place.hole, place.first, place.first + pages - 1)
    return place.first
  }

  #highest(node: Hole | null, pages: number, window: Pages, alignment: 'page' | 'huge'): Place | null {
    if (node === null || (alignment === 'huge' ? node.widestHuge : node.widest) < pages) return null
    if (node.last < window.first) return this.#highest(node.right, pages, window, alignment)
    if (node.first > window.last) return this.#highest(node.left, pages, window, alignment)
    const right = this.#highest(node.right, pages, window, alignment)
    if (right !== null) return right
    const unit = alignment === 'huge' ? this.#hugePage : 1
    const first = Math.floor((Math.min(node.last, window.last) + 1 - pages) / unit) * unit
    if (first >= Math.max(node.first, window.first)) return { hole: node, first }
    return this.#highest(node.left, pages, window, alignment)
  }

  #holeAt(page: number): Hole | null {
    let node = this.#root
    while (node !== null && (page < node.first || page > node.last)) node = page < node.first ? node.left : node.right
    return node
  }

  /** The lowest hole that begins at this page or above it. */
  #firstFrom(page: number): Hole | null {
    let [node, found]: [Hole | null, Hole | null] = [this.#root, null]
    while (node !== null) {
      if (node.first < page) node = node.right
      else [node, found] = [node.left, node]
    }
    return found
  }

  #cut(hole: Hole, first: number, last: number): void {
    const end = hole.last
    if (hole.first < first) {
      this.#resize(hole, hole.first, first - 1)
      if (last < end) this.#insert(last + 1, end)
    } else if (last < end) this.#resize(hole, last + 1, end)
    else this.#remove(hole)
  }

  /** It must stay between the same neighbours. */
  #resize(hole: Hole, first: number, last: number): void {
    hole.first = first
    hole.last = last
    this.#measureDownTo(hole, this.#root)
  }

  #measureDownTo(hole: Hole, node: Hole | null): void {
    if (node === null) return
    if (node !== hole) this.#measureDownTo(hole, hole.first < node.first ? node.left : node.right)
    this.#measure(node)
  }

  #insert(first: number, last: number): void {
    const hole = { first, last, priority: Math.random(), left: null, right: null, widest: 0, widestHuge: 0 }
    this.#root = this.#inserted(this.#root, this.#measure(hole))
  }

  #inserted(node: Hole | null, hole: Hole): Hole {
    if (node === null) return hole
    if (hole.priority > node.priority) {
      const [left, right] = this.#split(node, hole.first)
      hole.left = left
      hole.right = right
      return this.#measure(hole)
    }
    if (hole.first < node.first) node.left = this.#inserted(node.left, hole)
    else node.right = this.#inserted(node.right, hole)
    return this.#measure(node)
  }

  #remove(hole: Hole): void {
    this.#root = this.#removed(this.#root, hole)
  }

  #removed(node: Hole | null, hole: Hole): Hole | null {
    if (node === null) return null
    if (node === hole) return this.#joined(node.left, node.right)
    if (hole.first < node.first) node.left = this.#removed(node.left, hole)
    else node.right = this.#removed(node.right, hole)
    return this.#measure(node)
  }

  /** The holes below the page `at`, and the others. */
  #split(node: Hole | null, at: number): [Hole | null, Hole | null] {
    if (node === null) return [null, null]
    if (node.first < at) {
      const [below, above] = this.#split(node.right, at)
      node.right = below
      return [this.#measure(node), above]
    }
    const [below, above] = this.#split(node.left, at)
    node.left = above
    return [below, this.#measure(node)]
  }

  /** All of `left` lies below all of `right`. */
  #joined(left: Hole | null, right: Hole | null): Hole | null {
    if (left === null) return right
    if (right === null) return left
    if (left.priority > right.priority) {
      left.right = this.#joined(left.right, right)
      return this.#measure(left)
    }
    right.left = this.#joined(left, right.left)
    return this.#measure(right)
  }

  #measure(node: Hole): Hole {
    const { first, last, left, right } = node
    const boundary = Math.ceil(first / this.#hugePage) * this.#hugePage
    node.widest = Math.max(last + 1 - first, left?.widest ?? 0, right?.widest ?? 0)
    node.widestHuge = Math.max(last + 1 - boundary, left?.widestHuge ?? 0, right?.widestHuge ?? 0)
    return node
  }
}
