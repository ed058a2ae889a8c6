/** Entries of a node. */
const most = 16
/** A node has one entry too many before it is split. */
const room = most + 1
/** Where in a node they begin, after the entries' first pages: their last pages, or children; their widest holes. */
const [seconds, widests, widestHuges] = [room, 2 * room, 3 * room]
/** Numbers of a node. */
const row = 4 * room

/**
 * The nodes of a tree of holes, each a number. A node has entries by address: in a leaf each is a hole, above that a
 * child with what it has in all. How wide a hole is is counted in pages, from its first one or its first huge page.
 *
 * All of them are in one array, as what a large tree's time goes to is memory that is not in the processor's cache: an
 * object of its own for each node takes several such steps to reach. Within a node the numbers of one kind lie side by
 * side, as a search looks through all of those.
 */
export class HoleNodes {
  readonly #hugePage: number
  readonly #unused: number[] = []
  #made = 0
  #counts = new Uint8Array(16)
  #entries = new Float64Array(16 * row)
  /** Of all the entries of a node, two numbers each. */
  #totals = new Float64Array(16 * 2)

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(hugePage: number) {
    this.#hugePage = hugePage
  }

  /** A node without entries. */
  make(): number {
    const node = this.#unused.pop() ?? this.#made++
    if (node === this.#counts.length) this.#grow()
    this.#counts[node] = 0
    this.#totals.fill(0, 2 * node, 2 * node + 2)
    return node
  }

  drop(node: number): void {
    this.#unused.push(node)
  }

  count(node: number): number {
    return this.#counts[node] ?? 0
  }

  first(node: number, index: number): number {
    return this.#entries[node * row + index] ?? Number.NaN
  }

  /** The last page of a hole. */
  last(leaf: number, index: number): number {
    return this.#entries[leaf * row + seconds + index] ?? Number.NaN
  }

  child(node: number, index: number): number {
    return this.#entries[node * row + seconds + index] ?? Number.NaN
  }

  widest(node: number, index: number): number {
    return this.#entries[node * row + widests + index] ?? Number.NaN
  }

  widestHuge(node: number, index: number): number {
    return this.#entries[node * row + widestHuges + index] ?? Number.NaN
  }

  /** The last entry that begins at this page or below it; -1 where none does. */
  indexOf(node: number, page: number): number {
    const entries = this.#entries
    const start = node * row
    let low = 0
    let high = this.count(node)
    if ((entries[start + high - 1] ?? 0) <= page) return high - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((entries[start + middle] ?? 0) <= page) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  setHole(leaf: number, index: number, first: number, last: number): void {
    const boundary = Math.ceil(first / this.#hugePage) * this.#hugePage
    this.#set(leaf, index, first, last, last + 1 - first, last + 1 - boundary)
  }

  /** There may be one too many then: `split`. */
  insertHole(leaf: number, index: number, first: number, last: number): void {
    this.#makeRoom(leaf, index)
    this.setHole(leaf, index, first, last)
  }

  /** False where the entry was so before. */
  setChild(node: number, index: number, child: number): boolean {
    const totals = this.#totals
    return this.#set(node, index, this.first(child, 0), child, totals[2 * child] ?? 0, totals[2 * child + 1] ?? 0)
  }

  insertChild(node: number, index: number, child: number): void {
    this.#makeRoom(node, index)
    this.setChild(node, index, child)
  }

  remove(node: number, index: number): void {
    const last = this.count(node) - 1
    const widest = this.widest(node, index)
    const widestHuge = this.widestHuge(node, index)
    const entries = this.#entries
    for (let start = node * row; start < (node + 1) * row; start += room) {
      // a loop: copyWithin takes longer for so few
      for (let at = start + index; at < start + last; at++) entries[at] = entries[at + 1] ?? 0
    }
    this.#counts[node] = last
    this.#lost(node, widest, widestHuge)
  }

  /** The upper half as a node of its own, where there are too many for one. */
  split(node: number): number | null {
    const count = this.count(node)
    if (count <= most) return null
    const upper = this.make()
    const half = count >> 1
    // in each column, what lies beyond the node's end is of no use there
    this.#entries.copyWithin(upper * row, node * row + half, (node + 1) * row)
    this.#counts[upper] = count - half
    this.#counts[node] = half
    this.#totals.copyWithin(2 * upper, 2 * node, 2 * node + 2)
    this.#measure(upper)
    this.#measure(node)
    return upper
  }

  #set(node: number, index: number, first: number, second: number, widest: number, widestHuge: number): boolean {
    const entries = this.#entries
    const at = node * row + index
    const before = entries[at + widests] ?? 0
    const beforeHuge = entries[at + widestHuges] ?? 0
    const isSame =
      entries[at] === first && entries[at + seconds] === second && before === widest && beforeHuge === widestHuge
    entries[at] = first
    entries[at + seconds] = second
    entries[at + widests] = widest
    entries[at + widestHuges] = widestHuge
    const totals = this.#totals
    if (widest > (totals[2 * node] ?? 0)) totals[2 * node] = widest
    if (widestHuge > (totals[2 * node + 1] ?? 0)) totals[2 * node + 1] = widestHuge
    if (before > widest || beforeHuge > widestHuge) this.#lost(node, before, beforeHuge)
    return !isSame
  }

  /** After an entry with these is no more: only where it was the widest is another looked for. */
  #lost(node: number, widest: number, widestHuge: number): void {
    const totals = this.#totals
    if (widest === totals[2 * node] || widestHuge === totals[2 * node + 1]) this.#measure(node)
  }

  /** None is wider than the widest was. */
  #measure(node: number): void {
    const totals = this.#totals
    totals[2 * node] = this.#highest(node * row + widests, this.count(node), totals[2 * node] ?? 0)
    totals[2 * node + 1] = this.#highest(node * row + widestHuges, this.count(node), totals[2 * node + 1] ?? 0)
  }

  #highest(start: number, count: number, limit: number): number {
    const entries = this.#entries
    let highest = 0
    // compared, as Math.max sees to NaN and -0 too
    for (let at = start; at < start + count && highest < limit; at++) {
      const one = entries[at] ?? 0
      if (one > highest) highest = one
    }
    return highest
  }

  #makeRoom(node: number, index: number): void {
    const count = this.count(node)
    const entries = this.#entries
    for (let start = node * row; start < (node + 1) * row; start += room) {
      for (let at = start + count; at > start + index; at--) entries[at] = entries[at - 1] ?? 0
      entries[start + index] = 0
    }
    this.#counts[node] = count + 1
  }

  #grow(): void {
    const [counts, entries, totals] = [this.#counts, this.#entries, this.#totals]
    this.#counts = new Uint8Array(2 * counts.length)
    this.#counts.set(counts)
    this.#entries = new Float64Array(2 * entries.length)
    this.#entries.set(entries)
    this.#totals = new Float64Array(2 * totals.length)
    this.#totals.set(totals)
  }
}
