/** Entries of a node. */
const most = 24
/** A node has one entry too many before it is split. */
const room = most + 1
/** A node's numbers begin with how wide its widest holes are at most. */
const [widest, widestHuge] = [0, 1]
/** Then come the entries' first pages, their last pages or children, and of children the same of their widest holes. */
const [firsts, seconds, widests, widestHuges] = [2, 2 + room, 2 + 2 * room, 2 + 3 * room]
/** Numbers of a node. */
const row = 2 + 4 * room

/**
 * The nodes of a tree of holes, each a number. A node has entries by address: in a leaf each is a hole, above that a
 * child. How wide a hole is is counted in pages, from its first one or its first huge page.
 *
 * How wide a node's holes are is never less than is said, and may be less: where a hole shrinks or goes, no other is looked
 * for, at any height, until a search has found too little there (`tighten`).
 *
 * What a large tree's time goes to is memory that is not in the processor's cache. So all of them are in one array, as an
 * object of its own for each node takes several such steps to reach; within a node the numbers of one kind lie side by
 * side, as a search looks through all of those; and what a hole's two ends tell is not kept beside them.
 */
export class HoleNodes {
  readonly #hugePage: number
  readonly #unused: number[] = []
  #made = 0
  #counts = new Uint8Array(16)
  /** 1 for a leaf. */
  #leaves = new Uint8Array(16)
  #entries = new Float64Array(16 * row)

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(hugePage: number) {
    this.#hugePage = hugePage
  }

  /** A node without entries. */
  make(kind: 'leaf' | 'inner'): number {
    const node = this.#unused.pop() ?? this.#made++
    if (node === this.#counts.length) this.#grow()
    this.#counts[node] = 0
    this.#leaves[node] = kind === 'leaf' ? 1 : 0
    this.#entries.fill(0, node * row, node * row + firsts)
    return node
  }

  drop(node: number): void {
    this.#unused.push(node)
  }

  count(node: number): number {
    return this.#counts[node] ?? 0
  }

  first(node: number, index: number): number {
    return this.#entries[node * row + firsts + index] ?? Number.NaN
  }

  /** The last page of a hole. */
  last(leaf: number, index: number): number {
    return this.#entries[leaf * row + seconds + index] ?? Number.NaN
  }

  child(node: number, index: number): number {
    return this.#entries[node * row + seconds + index] ?? Number.NaN
  }

  widest(node: number, index: number): number {
    if (this.#leaves[node] === 1) return this.last(node, index) + 1 - this.first(node, index)
    return this.#entries[node * row + widests + index] ?? Number.NaN
  }

  widestHuge(node: number, index: number): number {
    if (this.#leaves[node] !== 1) return this.#entries[node * row + widestHuges + index] ?? Number.NaN
    const boundary = Math.ceil(this.first(node, index) / this.#hugePage) * this.#hugePage
    return this.last(node, index) + 1 - boundary
  }

  /** The last entry that begins at this page or below it; -1 where none does. */
  indexOf(node: number, page: number): number {
    const entries = this.#entries
    const start = node * row + firsts
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

  /** The last entry up to `top` that may have a place of so many pages; -1 where none does. */
  lastWide(node: number, top: number, pages: number, alignment: 'page' | 'huge'): number {
    const isLeaf = this.#leaves[node] === 1
    if (isLeaf && alignment === 'huge') {
      let index = top
      while (index >= 0 && this.widestHuge(node, index) < pages) index--
      return index
    }
    const entries = this.#entries
    const start = node * row
    let index = top
    if (isLeaf) {
      const [lasts, begins] = [start + seconds, start + firsts]
      while (index >= 0 && (entries[lasts + index] ?? 0) - (entries[begins + index] ?? 0) < pages - 1) index--
    } else {
      const column = start + (alignment === 'huge' ? widestHuges : widests)
      while (index >= 0 && (entries[column + index] ?? 0) < pages) index--
    }
    return index
  }

  setHole(leaf: number, index: number, first: number, last: number): void {
    this.#entries[leaf * row + firsts + index] = first
    this.#entries[leaf * row + seconds + index] = last
    this.#raise(leaf, index)
  }

  /** There may be one too many then: `split`. */
  insertHole(leaf: number, index: number, first: number, last: number): void {
    this.#makeRoom(leaf, index)
    this.setHole(leaf, index, first, last)
  }

  /** False where the entry was so before. */
  setChild(node: number, index: number, child: number): boolean {
    const entries = this.#entries
    const at = node * row + index
    const first = this.first(child, 0)
    const width = entries[child * row + widest] ?? 0
    const hugeWidth = entries[child * row + widestHuge] ?? 0
    const isSame =
      entries[at + firsts] === first &&
      entries[at + seconds] === child &&
      entries[at + widests] === width &&
      entries[at + widestHuges] === hugeWidth
    if (isSame) return false
    entries[at + firsts] = first
    entries[at + seconds] = child
    entries[at + widests] = width
    entries[at + widestHuges] = hugeWidth
    this.#raise(node, index)
    return true
  }

  insertChild(node: number, index: number, child: number): void {
    this.#makeRoom(node, index)
    this.setChild(node, index, child)
  }

  /** Looks how wide the holes of a child are, as far as its entries tell. False where the entry was so before. */
  tighten(node: number, index: number): boolean {
    const child = this.child(node, index)
    this.#measure(child)
    return this.setChild(node, index, child)
  }

  remove(node: number, index: number): void {
    const last = this.count(node) - 1
    const entries = this.#entries
    for (let start = node * row + firsts; start < this.#end(node); start += room) {
      // a loop: copyWithin takes longer for so few
      for (let at = start + index; at < start + last; at++) entries[at] = entries[at + 1] ?? 0
    }
    this.#counts[node] = last
  }

  /**
   * The upper part as a node of its own, where there are too many for one: half of them; but where entries come one below
   * or above the other, as addresses do that are freed in order, such that the nodes they leave behind are full.
   */
  split(node: number, newest: number): number | null {
    const count = this.count(node)
    if (count <= most) return null
    const half = newest <= 1 ? newest + 1 : newest >= count - 2 ? newest : count >> 1
    const upper = this.make(this.#leaves[node] === 1 ? 'leaf' : 'inner')
    // what lies beyond the node's end in each column is of no use there; neither is wider than both were
    this.#entries.copyWithin(upper * row + firsts, node * row + firsts + half, this.#end(node))
    this.#entries.copyWithin(upper * row, node * row, node * row + firsts)
    this.#counts[upper] = count - half
    this.#counts[node] = half
    this.#measure(upper)
    this.#measure(node)
    return upper
  }

  #raise(node: number, index: number): void {
    const entries = this.#entries
    const at = node * row
    const width = this.widest(node, index)
    const hugeWidth = this.widestHuge(node, index)
    if (width > (entries[at + widest] ?? 0)) entries[at + widest] = width
    if (hugeWidth > (entries[at + widestHuge] ?? 0)) entries[at + widestHuge] = hugeWidth
  }

  /** None is wider than was said. */
  #measure(node: number): void {
    const entries = this.#entries
    const at = node * row
    const limit = entries[at + widest] ?? 0
    const hugeLimit = entries[at + widestHuge] ?? 0
    const count = this.count(node)
    let highest = 0
    let highestHuge = 0
    for (let index = 0; index < count && (highest < limit || highestHuge < hugeLimit); index++) {
      // compared, as Math.max sees to NaN and -0 too
      const width = this.widest(node, index)
      if (width > highest) highest = width
      const hugeWidth = this.widestHuge(node, index)
      if (hugeWidth > highestHuge) highestHuge = hugeWidth
    }
    entries[at + widest] = highest
    entries[at + widestHuge] = highestHuge
  }

  #makeRoom(node: number, index: number): void {
    const count = this.count(node)
    const entries = this.#entries
    for (let start = node * row + firsts; start < this.#end(node); start += room) {
      for (let at = start + count; at > start + index; at--) entries[at] = entries[at - 1] ?? 0
    }
    this.#counts[node] = count + 1
  }

  /** Where the last column that is used ends. */
  #end(node: number): number {
    return node * row + (this.#leaves[node] === 1 ? widests : row)
  }

  #grow(): void {
    const [counts, leaves, entries] = [this.#counts, this.#leaves, this.#entries]
    this.#counts = new Uint8Array(2 * counts.length)
    this.#counts.set(counts)
    this.#leaves = new Uint8Array(2 * leaves.length)
    this.#leaves.set(leaves)
    this.#entries = new Float64Array(2 * entries.length)
    this.#entries.set(entries)
  }
}
